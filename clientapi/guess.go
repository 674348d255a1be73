package clientapi

import (
	"context"
	"fmt"

	"github.com/chappe-im/chappe/clientapi/limits"
	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// matches tells whether a password is that of a hash, if the side that guesses it may
// try one now.
func (s *Server) matches(ctx context.Context, e limits.Endpoint, g limits.Guess, hash string, password passwords.Digest) (bool, error) {
	right, err := s.config.Limits.Guess(e, g)
	if err != nil {
		return false, err
	}
	ok, err := s.passwords.Matches(ctx, hash, password)
	if ok {
		right()
	}
	return ok, err
}

// sideOf tells on which side somebody who logs in is: that of an address the account
// has logged in from before, or everybody else's.
func (s *Server) sideOf(ctx context.Context, localpart, address string) (limits.Guess, error) {
	devices, err := s.store.Devices(ctx, localpart)
	if err != nil {
		return limits.Guess{}, fmt.Errorf("list devices: %w", err)
	}
	// What is typed may be of any length; names are shorter than this.
	guess, from := limits.Guess{Localpart: localpart[:min(len(localpart), 255)]}, httpapi.SubscriberOf(address)
	for _, device := range devices {
		if device.LastSeenIP != "" && httpapi.SubscriberOf(device.LastSeenIP) == from {
			guess.From = from
		}
	}
	return guess, nil
}
