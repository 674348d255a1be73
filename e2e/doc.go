// Package e2e holds tests of the whole program, and nothing else: real servers on
// loopback (see internal/testserver) that federate, are killed, are down, get what
// no client should send. Each test ends by asking the ledger what became of every
// message.
package e2e
