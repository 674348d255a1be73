package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// deviceID is the one device each user has who does not need more.
	deviceID = "BENCH"
	// tokenPrefix and the localpart are a user's access token. The floor tells by it
	// who is asking.
	tokenPrefix = "bench-token-of-"
)

// A person is a user at one device. A user of several devices is several persons.
type person struct {
	localpart string
	server    spec.ServerName
	device    string
	// passwordHash is "" where nobody logs in.
	passwordHash string
	// crossSigning tells whether the user has cross-signing keys.
	crossSigning bool
}

func (p person) userID() todevice.UserID {
	return todevice.UserID{Localpart: p.localpart, Server: p.server}
}

func (p person) id() string { return p.userID().String() }

func (p person) token() string {
	if p.device == deviceID {
		return tokenPrefix + p.localpart
	}
	return tokenPrefix + p.localpart + "/" + p.device
}

// people names n users of a server: prefix0, prefix1 and so on.
func people(prefix string, n int, server spec.ServerName) []person {
	all := make([]person, n)
	for i := range all {
		all[i] = person{localpart: fmt.Sprint(prefix, i), server: server, device: deviceID}
	}
	return all
}

// atDevices names each of the users once for each of n devices, one user after the
// other.
func atDevices(users []person, n int) []person {
	var all []person
	for _, p := range users {
		for i := range n {
			p.device = fmt.Sprint(deviceID, i)
			all = append(all, p)
		}
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
		group.Go(func() error { return p.register(ctx, store) })
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

// register makes the user, with cross-signing keys where they have any, or another
// device of the user.
func (p person) register(ctx context.Context, store *sqlite.Store) error {
	login := todevice.Login{DeviceID: p.device, Token: p.token()}
	_, err := store.Register(ctx, todevice.Account{Localpart: p.localpart, PasswordHash: p.passwordHash}, login)
	if errors.Is(err, todevice.ErrUserExists) { // by another device
		_, err = store.Login(ctx, p.localpart, login)
		return err
	}
	if err == nil && p.crossSigning {
		master, selfSigning := crossSigningKeys(p)
		err = store.SetCrossSigningKeys(ctx, p.userID(), todevice.CrossSigningKeys{},
			todevice.CrossSigningKeys{Master: master, SelfSigning: selfSigning})
	}
	return err
}
