package keys

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/internal/signedjson"
	"github.com/chappe-im/chappe/todevice"
)

// A signable is a key that a user may sign.
type signable struct {
	owner todevice.UserID
	// name is a device ID or a public key.
	name string
	// object is the key as it is stored, with the signatures that the user sees.
	object json.RawMessage
	// signers are the public keys that may sign it, by their key IDs.
	signers map[string]string
}

// findSignables gives what a user may sign of the keys that a request names, by user
// ID and name.
func (s *Server) findSignables(ctx context.Context, signer todevice.UserID, q signaturesQuery) (map[string]map[string]signable, error) {
	queries := []todevice.KeyQuery{{Localpart: signer.Localpart}}
	var others []todevice.UserID
	for userID := range q {
		user, err := todevice.ParseUserID(userID)
		if err != nil || user == signer {
			continue // nobody has a key, or it is asked for already
		}
		others = append(others, user)
		if user.Server == s.name {
			queries = append(queries, todevice.KeyQuery{Localpart: user.Localpart})
		}
	}
	local, err := s.store.QueryKeys(ctx, signer, queries)
	if err != nil {
		return nil, err
	}
	own := local[signer.Localpart]
	found := map[string]map[string]signable{signer.String(): ownSignables(signer, own)}
	for _, user := range others {
		master := local[user.Localpart].Master
		if user.Server != s.name {
			list, _, err := s.store.RemoteDeviceList(ctx, user)
			if err != nil {
				return nil, err
			}
			master = list.Master
		}
		if master != nil {
			name := todevice.PublicKey(master)
			found[user.String()] = map[string]signable{name: {user, name, master, signersOf(own.UserSigning)}}
		}
	}
	return found, nil
}

// ownSignables are a user's devices and master key.
func ownSignables(user todevice.UserID, keys todevice.UserKeys) map[string]signable {
	found := make(map[string]signable)
	devices := make(map[string]string)
	if keys.Master != nil {
		name := todevice.PublicKey(keys.Master)
		found[name] = signable{user, name, keys.Master, devices}
	}
	for _, device := range keys.Devices {
		found[device.DeviceID] = signable{user, device.DeviceID, device.Keys, signersOf(keys.SelfSigning)}
		keyID := algorithm + device.DeviceID
		if public, ok := memberKey(device.Keys, keyID); ok {
			devices[keyID] = public
		}
	}
	return found
}

// signersOf is the key ID of a cross-signing key with its public key; empty where
// there is no key.
func signersOf(key json.RawMessage) map[string]string {
	if key == nil {
		return nil
	}
	public := todevice.PublicKey(key)
	return map[string]string{algorithm + public: public}
}

// memberKey gives the public key of this ID in a device's keys.
func memberKey(object json.RawMessage, keyID string) (string, bool) {
	members, _ := rawjson.Object(object)
	keys, _ := rawjson.Object(members["keys"])
	return rawjson.Text(keys[keyID])
}

// check gives the signatures that the user has added to the key, or says why the
// object is no good. What was on the key before says nothing new; what others have
// signed is not for this user to publish.
func (k signable) check(user todevice.UserID, object json.RawMessage) (signatures []todevice.Signature, why string) {
	if !sameKey(object, k.object) {
		return nil, "This is not the key that was uploaded under this name"
	}
	given := todevice.SignaturesOf(object)[user.String()]
	if len(given) == 0 {
		return nil, "There is no signature of yours"
	}
	before := todevice.SignaturesOf(k.object)[user.String()]
	for keyID, raw := range given {
		text, _ := rawjson.Text(raw)
		if old, ok := rawjson.Text(before[keyID]); ok && old == text {
			continue
		}
		public, ok := k.signers[keyID]
		if !ok {
			return nil, "There is a signature by a key that may not sign this one"
		}
		signature, err := signedjson.DecodeSignature(text)
		if err != nil || !signedBy(object, user, keyID, strings.TrimRight(public, "=")) {
			return nil, "There is a wrong signature"
		}
		signatures = append(signatures, todevice.Signature{
			Signer: user, KeyID: keyID, Target: k.owner, TargetKey: k.name, Object: k.object,
			// Written anew, as there are several ways to write it, some of any length.
			Signature: base64.RawStdEncoding.EncodeToString(signature),
		})
	}
	return signatures, ""
}
