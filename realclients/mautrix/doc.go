// Package mautrix tests the server with mautrix-go and its end-to-end encryption, as
// bots and bridges use them.
package mautrix
