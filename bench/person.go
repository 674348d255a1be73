package main

import (
	"context"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// deviceID is the one device each user has.
	deviceID = "BENCH"
	// tokenPrefix and the localpart are a user's access token. The floor tells by it
	// who is asking.
	tokenPrefix = "bench-token-of-"
)

// A person is a user with one device.
type person struct {
	localpart string
	server    spec.ServerName
}

func (p person) id() string {
	return todevice.UserID{Localpart: p.localpart, Server: p.server}.String()
}
func (p person) token() string { return tokenPrefix + p.localpart }

// people names n users of a server: prefix0, prefix1 and so on.
func people(prefix string, n int, server spec.ServerName) []person {
	all := make([]person, n)
	for i := range all {
		all[i] = person{localpart: fmt.Sprint(prefix, i), server: server}
	}
	return all
}

// register writes users into a server's database before it starts. Making them
// by its API would take a password hash each, and say nothing about messages.
func register(ctx context.Context, database string, server spec.ServerName, all []person) error {
	store, err := sqlite.Open(database, sqlite.Options{ServerName: server})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64) // they share commits
	for _, p := range all {
		group.Go(func() error {
			_, err := store.Register(ctx, todevice.Account{Localpart: p.localpart}, todevice.Login{DeviceID: deviceID, Token: p.token()})
			return err
		})
	}
	err = group.Wait()
	if closed := store.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("make the users: %w", err)
	}
	return nil
}
