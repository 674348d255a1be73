// Package federationapi is the door for other Matrix servers.
//
// [Server] checks the X-Matrix signature of a request with the keys of its origin,
// reads the to-device messages of a transaction and hands them to the relay as one
// batch. A request whose signature was good ends the back-off of the queue to its
// origin. It answers what other servers ask about the users here: their keys,
// devices and profiles.
//
// What an origin may cost is bounded for it alone: the requests it signs in a time
// (rates), the transactions that wait while one of it is at work (turns), the flights
// that fetch keys (flights). What is only said to come from an origin takes none of
// it but a flight, and known servers have a share of these for themselves. A request
// that is refused is counted by its reason (refusal).
//
// The keys of other servers come from these, or from configured notaries. None is
// forgotten because a later answer lacks it; one that its server calls old is good
// for no request. As a notary, this server gives them to others.
//
// Beneath it: signing has keys, signatures and the X-Matrix header, remote reaches
// other servers by their names, queue brings them what waits in the outbox.
//
// https://spec.matrix.org/v1.15/server-server-api/
package federationapi
