package federationapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// fromNotaries asks the notaries, one after another, for a key of a server, and
// tells whether one of them gave an object that is good. The keys of a notary are
// asked of itself alone: of two that vouch for each other neither is needed.
//
// https://spec.matrix.org/v1.15/server-server-api/#querying-keys-through-another-server
func (k *keyRing) fromNotaries(ctx context.Context, server spec.ServerName, id gomatrixserverlib.KeyID) (given bool, err error) {
	if slices.Contains(k.notaries, server) {
		return false, nil
	}
	var errs []error
	for _, notary := range k.notaries {
		if ctx.Err() != nil {
			break
		}
		given, err := k.fromNotary(ctx, notary, server, id)
		if given {
			return true, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("notary %s: %w", notary, err))
		}
	}
	return false, errors.Join(errs...)
}

// fromNotary keeps the good ones of the objects a notary gives, and tells whether
// there were any.
func (k *keyRing) fromNotary(ctx context.Context, notary, server spec.ServerName, id gomatrixserverlib.KeyID) (given bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	objects, err := k.client.NotaryKeys(ctx, notary, server, id)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, object := range objects {
		if err := k.take(ctx, notary, server, object); err != nil {
			errs = append(errs, err)
			continue
		}
		given = true
	}
	return given, errors.Join(errs...)
}

// take keeps an object that a notary gave. It must be the server's own, and signed
// by the notary as well. It may be one of long ago, so of its keys only those count
// of which it says more than is known.
func (k *keyRing) take(ctx context.Context, notary, server spec.ServerName, object json.RawMessage) error {
	if len(object) > maxKeyObject { // before it is read for its signatures
		return errors.New("the key object is too long")
	}
	if err := k.vouched(ctx, notary, object); err != nil {
		return err
	}
	keys, err := readServerKeys(object, server, k.now())
	if err != nil {
		return err
	}
	known, err := k.store.ServerKeys(ctx, server)
	if err != nil {
		return err
	}
	keys = slices.DeleteFunc(keys, func(key todevice.ServerKey) bool {
		return slices.ContainsFunc(known, func(was todevice.ServerKey) bool { return was.ID == key.ID && !furthers(key, was) })
	})
	if len(keys) == 0 {
		return errors.New("the key object says nothing new")
	}
	return k.store.StoreServerKeys(ctx, server, object, keys)
}

// furthers tells whether a notary's word on a key goes beyond what is known of it:
// the key itself is replaced, and an old one made a new one, by its server alone.
func furthers(key, known todevice.ServerKey) bool {
	if known.Old || !known.Public.Equal(key.Public) {
		return false
	}
	return key.Old || key.ValidUntil.After(known.ValidUntil)
}

// vouched checks that an object carries a good signature of the notary.
func (k *keyRing) vouched(ctx context.Context, notary spec.ServerName, object json.RawMessage) error {
	members, _ := rawjson.Object(object)
	signers, _ := rawjson.Object(members["signatures"])
	signatures, _ := rawjson.Object(signers[string(notary)])
	if len(signatures) == 0 || len(signatures) > maxServerKeys {
		return errors.New("the key object is not signed by the notary")
	}
	var errs []error
	for id := range signatures {
		key, err := k.find(ctx, notary, gomatrixserverlib.KeyID(id))
		if err == nil {
			err = signing.VerifyObject(object, notary, key.ID, key.Public)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("the key object is not signed by the notary: %w", errors.Join(errs...))
}
