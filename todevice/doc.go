// Package todevice holds the words the whole program shares: users, devices,
// messages, positions, batches. It does no I/O and knows no other package of the
// program.
package todevice
