// Package testserver is what tests of the whole program stand on: real servers on
// loopback, each a process of its own that can be killed at any instant; a small
// Matrix client; and the [Ledger], which knows what was promised and what came.
//
// A test binary that uses it begins with
//
//	func TestMain(m *testing.M) { testserver.Main(m) }
//
// and then has servers in one line:
//
//	servers := testserver.Federated(t, "alpha.test", "beta.test")
//
// The servers are the test binary itself, run again: built by the same server.New
// as the command, and with the race detector if the tests have it.
package testserver
