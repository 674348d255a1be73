// Package simulation runs whole federations in one process and lets everything go
// wrong that can: requests and answers lost, late, twice, out of order, servers cut
// off from each other, crashed in the middle of a write with what was not synced
// lost, and disks that fail. All of it follows from a seed, so that a run that
// found something can be had again.
//
// The servers are the real ones, from the HTTP handler to the SQLite file. Time is
// that of testing/synctest, the network hands requests from handler to handler, and
// the disk is internal/crashdisk. The ledger of internal/testserver judges.
package simulation
