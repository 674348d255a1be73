// Package federationapi is the door to and from other Matrix servers.
//
// In: [Server] checks the X-Matrix signature of a request with the keys of its
// origin, reads the to-device messages of a transaction and hands them to the
// relay as one batch.
//
// Out: [Queue] brings what waits in the outbox to its destinations, one
// transaction at a time for each, through [Client], which finds servers by their
// names and signs the requests.
//
// The two meet in one place: a request whose signature was good ends the
// back-off of the queue to its origin.
//
// https://spec.matrix.org/v1.15/server-server-api/
package federationapi
