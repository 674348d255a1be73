package federationapi

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/singleflight"

	"github.com/chappe-im/chappe/todevice"
)

// KeyStore keeps the keys of other servers.
type KeyStore interface {
	ServerKeys(ctx context.Context, server spec.ServerName) ([]todevice.ServerKey, error)
	// StoreServerKeys keeps these keys besides those that are known.
	StoreServerKeys(ctx context.Context, keys []todevice.ServerKey) error
}

const (
	// fetchTimeout bounds the fetching of one server's keys.
	fetchTimeout = 20 * time.Second
	// trustedAge is how old a key may be for a signature that does not fit it to be
	// taken as wrong at once. With an older key the server may have changed its own.
	trustedAge = time.Hour
)

var (
	errNoKey          = errors.New("no valid key")
	errWrongSignature = errors.New("wrong signature")
)

// A claim is a signature and the key it is said to be made with.
type claim struct {
	key       todevice.ServerKey
	signature []byte
}

// A keyRing finds the keys of other servers: in storage, or by asking the server.
// A server is asked by one flight at a time, and not again for a while after it.
// Nobody waits for a flight to another server.
type keyRing struct {
	store KeyStore
	// ask gives the key object of a server as it comes from there.
	ask      func(context.Context, spec.ServerName) ([]byte, error)
	log      *logrus.Entry
	now      func() time.Time
	flights  singleflight.Group
	attempts *attempts

	// Flights outlive the request that began them, as others may wait for them;
	// they end with life, and close waits for them.
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

func newKeyRing(store KeyStore, ask func(context.Context, spec.ServerName) ([]byte, error), log *logrus.Entry) *keyRing {
	life, end := context.WithCancel(context.Background())
	return &keyRing{
		store: store, ask: ask, log: log, now: time.Now, attempts: newAttempts(),
		life: life, end: end,
	}
}

// close ends what is being fetched. No request may be under way any more.
func (k *keyRing) close() {
	k.end()
	k.running.Wait()
}

// find gives a server's key that is valid now, or errNoKey.
func (k *keyRing) find(ctx context.Context, server spec.ServerName, id gomatrixserverlib.KeyID) (todevice.ServerKey, error) {
	key, err := k.stored(ctx, server, id)
	if errors.Is(err, errNoKey) {
		if err := k.wait(ctx, k.refresh(server)); err != nil {
			return todevice.ServerKey{}, err
		}
		return k.stored(ctx, server, id)
	}
	if err == nil && k.now().After(halfLife(key)) {
		k.refresh(server) // early, while the old one still serves: nobody waits for it
	}
	return key, err
}

// halfLife is when half of a key's validity is over.
func halfLife(key todevice.ServerKey) time.Time {
	return key.Fetched.Add(key.ValidUntil.Sub(key.Fetched) / 2)
}

// verify checks a signature, and fails with errWrongSignature. If it does not fit
// a key that was fetched some time ago, the server is asked for its keys again.
func (k *keyRing) verify(ctx context.Context, c claim, message []byte) error {
	if ed25519.Verify(c.key.Public, message, c.signature) {
		return nil
	}
	if k.now().Sub(c.key.Fetched) <= trustedAge {
		return errWrongSignature
	}
	if err := k.wait(ctx, k.refresh(c.key.Server)); err != nil {
		return err
	}
	key, err := k.stored(ctx, c.key.Server, c.key.ID)
	switch {
	case errors.Is(err, errNoKey):
		return errWrongSignature
	case err != nil:
		return err
	case !ed25519.Verify(key.Public, message, c.signature):
		return errWrongSignature
	}
	return nil
}

// stored gives a key from storage if it is valid now.
func (k *keyRing) stored(ctx context.Context, server spec.ServerName, id gomatrixserverlib.KeyID) (todevice.ServerKey, error) {
	keys, err := k.store.ServerKeys(ctx, server)
	if err != nil {
		return todevice.ServerKey{}, err
	}
	for _, key := range keys {
		if key.ID == id && k.now().Before(key.ValidUntil) && len(key.Public) == ed25519.PublicKeySize {
			return key, nil
		}
	}
	return todevice.ServerKey{}, errNoKey
}

// refresh begins to ask a server for its keys, or joins the flight there is. The
// channel is closed when the answer, if there was one, is in storage.
func (k *keyRing) refresh(server spec.ServerName) <-chan struct{} {
	done := make(chan struct{})
	k.running.Go(func() {
		defer close(done)
		_, _, _ = k.flights.Do(string(server), func() (any, error) {
			if !k.attempts.may(server, k.now()) {
				return nil, nil
			}
			err := k.fetch(server)
			k.attempts.note(server, k.now(), err)
			if err != nil {
				k.log.WithError(err).WithField("server", string(server)).Info("keys of a server not fetched")
			}
			return nil, nil
		})
	})
	return done
}

func (k *keyRing) wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the keys of a server: %w", ctx.Err())
	}
}

func (k *keyRing) fetch(server spec.ServerName) error {
	ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
	defer cancel()
	raw, err := k.ask(ctx, server)
	if err != nil {
		return err
	}
	keys, err := readServerKeys(raw, server, k.now())
	if err != nil {
		return err
	}
	return k.store.StoreServerKeys(ctx, keys)
}
