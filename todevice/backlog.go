package todevice

import "time"

// A Backlog is what waits for another server, and how trying to bring it there goes.
type Backlog struct {
	Destination
	// Waiting counts the EDUs, Oldest is when the first of them was accepted; zero
	// where there is none, or that is not known.
	Waiting int
	Oldest  time.Time
	// LastError is why the last attempt failed, "" if none has since the last success.
	LastError string
	// TxnID is the transaction in flight, and TxnCreated when it was made; "" where
	// there is none.
	TxnID       string
	TxnCreated  time.Time
	DeadLetters DeadLetters
}
