// Package clientapi is the door for Matrix clients: registration, login, devices,
// profiles, and the sending of to-device messages. Beneath it, keys has the endpoints
// for end-to-end keys. What a device receives is package syncapi's.
//
// https://spec.matrix.org/v1.15/client-server-api/
package clientapi
