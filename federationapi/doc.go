// Package federationapi is the door for other Matrix servers.
//
// [Server] checks the X-Matrix signature of a request with the keys of its origin,
// reads the to-device messages of a transaction and hands them to the relay as one
// batch. A request whose signature was good ends the back-off of the queue to its
// origin.
//
// Beneath it: signing has keys, signatures and the X-Matrix header, remote reaches
// other servers by their names, queue brings them what waits in the outbox.
//
// https://spec.matrix.org/v1.15/server-server-api/
package federationapi
