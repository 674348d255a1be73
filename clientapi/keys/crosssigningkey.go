package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/internal/signedjson"
	"github.com/chappe-im/chappe/todevice"
)

// algorithm is that of every key that signs. With the name of a device, or a public
// key, it makes a key ID.
const algorithm = "ed25519:"

// checkCrossSigningKey checks the shape of a key for one usage, and that it is one
// key, under its own name. It gives whose it is by its own words.
//
// https://spec.matrix.org/v1.15/client-server-api/#cross-signing
func checkCrossSigningKey(name, usage string, raw json.RawMessage) (userID string, err error) {
	if err := checkKey(name, raw); err != nil {
		return "", err
	}
	members, ok := rawjson.Object(raw)
	if !ok {
		return "", httpapi.BadJSON(name + " is not an object")
	}
	var usages []string
	var keys map[string]string
	for member, into := range map[string]any{"user_id": &userID, "usage": &usages, "keys": &keys} {
		if rawjson.Present(members[member]) == nil || json.Unmarshal(members[member], into) != nil {
			return "", httpapi.BadJSON(name + "." + member + " is missing or has the wrong shape")
		}
	}
	var signatures map[string]map[string]string
	if given, ok := members["signatures"]; ok && json.Unmarshal(given, &signatures) != nil {
		return "", httpapi.BadJSON(name + ".signatures has the wrong shape")
	}
	if !slices.Contains(usages, usage) {
		return "", httpapi.InvalidParam(name + " is not for the usage " + usage)
	}
	public := todevice.PublicKey(raw)
	if _, ok := decodePublic(public); !ok || len(keys) != 1 || keys[algorithm+public] != public {
		return "", httpapi.InvalidParam(name + " is not one ed25519 key under its own name")
	}
	return userID, nil
}

// decodePublic reads a public key. It has one way to be written, as it is a name, too.
func decodePublic(text string) (ed25519.PublicKey, bool) {
	public, err := base64.RawStdEncoding.DecodeString(text)
	return public, err == nil && len(public) == ed25519.PublicKeySize && base64.RawStdEncoding.EncodeToString(public) == text
}

// signedBy tells whether an object carries a good signature of a user by the key of
// this ID and value.
func signedBy(object json.RawMessage, user todevice.UserID, keyID, public string) bool {
	key, ok := decodePublic(public)
	return ok && signedjson.Verify(object, user.String(), keyID, key) == nil
}
