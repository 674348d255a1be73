package federationapi

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

// KeyStore keeps the keys of other servers.
type KeyStore interface {
	ServerKeys(ctx context.Context, server spec.ServerName) ([]todevice.ServerKey, error)
	// ServerKeyObjects gives the objects these keys were published in, the latest
	// first.
	ServerKeyObjects(ctx context.Context, server spec.ServerName) ([]todevice.KeyObject, error)
	// StoreServerKeys keeps these keys besides those that are known, with the object
	// they stood in.
	StoreServerKeys(ctx context.Context, server spec.ServerName, object json.RawMessage, keys []todevice.ServerKey) error
}

// trustedAge is how old a key may be for a signature that does not fit it to be
// taken as wrong at once. With an older key the server may have changed its own.
const trustedAge = time.Hour

var (
	errNoKey          = errors.New("no key of this ID is known")
	errOldKey         = errors.New("the key is an old one, and no request may be signed with it")
	errExpiredKey     = errors.New("the key has expired, and the server has not renewed it")
	errWrongSignature = errors.New("wrong signature")
)

// A claim is a signature and the key it is said to be made with.
type claim struct {
	key       todevice.ServerKey
	signature []byte
}

// A keyRing finds the keys of other servers: in storage, or by asking the server,
// and the notaries where the server cannot be asked. See flights for when it is.
type keyRing struct {
	store    KeyStore
	client   *remote.Client
	notaries []spec.ServerName
	log      *logrus.Entry
	now      func() time.Time // of day, by which keys are valid
	clock    func() time.Time // by which it is measured how long something takes
	flights  *flights
}

func newKeyRing(store KeyStore, client *remote.Client, notaries []spec.ServerName, now func() time.Time, log *logrus.Entry) *keyRing {
	k := &keyRing{store: store, client: client, notaries: notaries, log: log, now: now, clock: time.Now}
	k.flights = newFlights(k.fetch, func() time.Time { return k.clock() })
	return k
}

// close ends what is being fetched. No request may be under way any more.
func (k *keyRing) close() { k.flights.close() }

// find gives a server's key that is valid now. It fails with errNoKey, errOldKey or
// errExpiredKey where there is none, and with errBusy if it may not ask for one.
func (k *keyRing) find(ctx context.Context, server spec.ServerName, id gomatrixserverlib.KeyID) (todevice.ServerKey, error) {
	keys, err := k.store.ServerKeys(ctx, server)
	if err != nil {
		return todevice.ServerKey{}, err
	}
	key, bad := usable(keys, id, k.now())
	if bad == nil {
		if k.now().After(halfLife(key)) {
			// Early, while the old one still serves: nobody waits for it, and another time
			// will do if it cannot be now.
			_, _ = k.flights.begin(server, id, ofKnown)
		}
		return key, nil
	}
	purpose := ofKnown
	if len(keys) == 0 {
		purpose = ofStranger
	}
	if err := k.flights.await(ctx, server, id, purpose); err != nil {
		return todevice.ServerKey{}, err
	}
	if keys, err = k.store.ServerKeys(ctx, server); err != nil {
		return todevice.ServerKey{}, err
	}
	return usable(keys, id, k.now())
}

// usable gives the key of an ID if requests may be signed with it now.
func usable(keys []todevice.ServerKey, id gomatrixserverlib.KeyID, now time.Time) (todevice.ServerKey, error) {
	for _, key := range keys {
		switch {
		case key.ID != id || len(key.Public) != ed25519.PublicKeySize:
			continue
		case key.Old:
			return todevice.ServerKey{}, errOldKey
		case !now.Before(key.ValidUntil):
			return todevice.ServerKey{}, errExpiredKey
		}
		return key, nil
	}
	return todevice.ServerKey{}, errNoKey
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
	if err := k.flights.await(ctx, c.key.Server, c.key.ID, ofKnown); err != nil {
		return err
	}
	keys, err := k.store.ServerKeys(ctx, c.key.Server)
	if err != nil {
		return err
	}
	key, bad := usable(keys, c.key.ID, k.now())
	if bad != nil || !ed25519.Verify(key.Public, message, c.signature) {
		return errWrongSignature
	}
	return nil
}

// fetch asks a server for its keys, and the notaries for this key of it if it has
// not given any.
func (k *keyRing) fetch(ctx context.Context, server spec.ServerName, id gomatrixserverlib.KeyID) error {
	err := k.fromOrigin(ctx, server)
	if err == nil {
		return nil
	}
	given, errNotaries := k.fromNotaries(ctx, server, id)
	if given {
		return nil
	}
	err = errors.Join(err, errNotaries)
	k.log.WithError(err).WithField("server", string(server)).Info("keys of a server not fetched")
	return err
}

func (k *keyRing) fromOrigin(ctx context.Context, server spec.ServerName) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	raw, err := k.client.ServerKeys(ctx, server)
	if err != nil {
		return err
	}
	keys, err := readServerKeys(raw, server, k.now())
	if err != nil {
		return err
	}
	return k.store.StoreServerKeys(ctx, server, raw, keys)
}
