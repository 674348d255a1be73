package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

type signingQuery struct {
	keys todevice.CrossSigningKeys
	// userIDs are those that the keys name.
	userIDs   []string
	auth      uia.Auth
	operation uia.Operation // without its user
}

// A signing is what a session remembers of an upload of cross-signing keys.
type signing struct {
	// done is true once the keys were replaced. To replace them again, even by the same
	// ones, the user must authenticate again.
	done bool
}

func readSigning(r *http.Request) (q signingQuery, err error) {
	fields, err := httpapi.ReadObject(r)
	if err != nil {
		return signingQuery{}, err
	}
	q.operation.Request = "device_signing/upload"
	if q.auth, q.operation.Body, err = uia.Split(fields); err != nil {
		return signingQuery{}, err
	}
	for _, k := range []struct {
		name, usage string
		into        *json.RawMessage
	}{
		{"master_key", "master", &q.keys.Master},
		{"self_signing_key", "self_signing", &q.keys.SelfSigning},
		{"user_signing_key", "user_signing", &q.keys.UserSigning},
	} {
		key := rawjson.Present(fields[k.name])
		if key == nil {
			continue
		}
		userID, err := checkCrossSigningKey(k.name, k.usage, key)
		if err != nil {
			return signingQuery{}, err
		}
		*k.into = key
		q.userIDs = append(q.userIDs, userID)
	}
	return q, nil
}

// uploadSigning publishes the user's cross-signing keys. The first ones may be any;
// to replace one, or to add one, the user must authenticate. What is there already
// may be uploaded again.
//
// POST /_matrix/client/v3/keys/device_signing/upload
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysdevice_signingupload
func (s *Server) uploadSigning(ctx context.Context, device todevice.Device, q signingQuery) (httpapi.Empty, error) {
	for _, userID := range q.userIDs {
		if userID != device.User.String() {
			return httpapi.Empty{}, httpapi.InvalidParam("The keys are not those of this user")
		}
	}
	err := todevice.ErrKeysChanged
	for errors.Is(err, todevice.ErrKeysChanged) { // another request was quicker: all over again
		err = s.trySigning(ctx, device, q)
	}
	switch {
	case errors.Is(err, todevice.ErrNameInUse):
		return httpapi.Empty{}, httpapi.Forbidden("Key ID in use: a device of the user has this name")
	case errors.Is(err, todevice.ErrUnknownUser):
		return httpapi.Empty{}, httpapi.UnknownToken() // deleted since the token was checked
	case err != nil:
		return httpapi.Empty{}, fmt.Errorf("upload cross-signing keys: %w", err)
	}
	return httpapi.Empty{}, nil
}

// trySigning puts the keys in the place of those that are there when it begins. If
// these have changed by the time it writes, it fails with todevice.ErrKeysChanged.
func (s *Server) trySigning(ctx context.Context, device todevice.Device, q signingQuery) error {
	known, err := s.store.CrossSigningKeys(ctx, device.User)
	if err != nil {
		return err
	}
	if err := checkSignedByMaster(device.User, q.keys, known); err != nil {
		return err
	}
	if !hasNews(q.keys, known) {
		return nil
	}
	if known.Master == nil {
		return s.store.SetCrossSigningKeys(ctx, device.User, known, q.keys)
	}
	session, auth, err := s.signingSession(ctx, device.User, q)
	if err != nil {
		return err
	}
	defer session.End()
	if err := s.signings.Authenticate(ctx, session, auth, s.password(device)); err != nil {
		return err
	}
	if err := s.store.SetCrossSigningKeys(ctx, device.User, known, q.keys); err != nil {
		return err
	}
	session.State.done = true
	return nil
}

// signingSession gives the session of an upload: a new one if that of the request has
// done its upload already.
func (s *Server) signingSession(ctx context.Context, user todevice.UserID, q signingQuery) (*uia.Session[signing], uia.Auth, error) {
	q.operation.User = user
	session, err := s.signings.Resume(ctx, q.auth, q.operation)
	if err != nil || !session.State.done {
		return session, q.auth, err
	}
	session.End()
	session, err = s.signings.Resume(ctx, uia.Auth{}, q.operation)
	return session, uia.Auth{}, err
}

// checkSignedByMaster checks that there is a master key, and that it has signed the
// others that are given.
func checkSignedByMaster(user todevice.UserID, given, known todevice.CrossSigningKeys) error {
	master := given.Master
	if master == nil {
		master = known.Master
	}
	if master == nil {
		return httpapi.MissingParam("There is no master key")
	}
	public := todevice.PublicKey(master)
	for name, key := range map[string]json.RawMessage{"self_signing_key": given.SelfSigning, "user_signing_key": given.UserSigning} {
		if key != nil && !signedBy(key, user, algorithm+public, public) {
			return httpapi.BadRequest(spec.ErrorInvalidSignature, name+" is not signed by the master key")
		}
	}
	return nil
}

// hasNews tells whether one of the given keys is not there already.
func hasNews(given, known todevice.CrossSigningKeys) bool {
	return !sameKey(given.Master, known.Master) || !sameKey(given.SelfSigning, known.SelfSigning) ||
		!sameKey(given.UserSigning, known.UserSigning)
}

// sameKey tells whether a key that is given, if there is one, is the known one,
// whatever signatures they carry.
func sameKey(given, known json.RawMessage) bool {
	if given == nil || known == nil {
		return given == nil
	}
	a, errA := todevice.SignedPart(given)
	b, errB := todevice.SignedPart(known)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
