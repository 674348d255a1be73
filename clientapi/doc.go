// Package clientapi is the door for Matrix clients: registration, login, devices,
// end-to-end keys, profiles, and the sending of to-device messages. What a device receives is package
// syncapi's.
//
// https://spec.matrix.org/v1.15/client-server-api/
package clientapi
