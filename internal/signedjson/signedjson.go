// Package signedjson checks the signatures that a JSON object carries, be they of
// servers or of the keys of users.
//
// https://spec.matrix.org/v1.15/appendices/#signing-json
package signedjson

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/rawjson"
)

// Verify checks that an object carries the signature of a signer, a server or a user,
// with the key of this ID.
func Verify(object json.RawMessage, signer, keyID string, public ed25519.PublicKey) error {
	members, message, err := Covered(object)
	if err != nil {
		return err
	}
	signers, _ := rawjson.Object(members["signatures"])
	signatures, _ := rawjson.Object(signers[signer])
	encoded, ok := rawjson.Text(signatures[keyID])
	if !ok {
		return errors.New("the signature is missing")
	}
	signature, err := DecodeSignature(encoded)
	if err != nil {
		return err
	}
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("the key is not of %d bytes", ed25519.PublicKeySize)
	}
	if !ed25519.Verify(public, message, signature) {
		return errors.New("the signature is wrong")
	}
	return nil
}

// Covered gives the members of an object, and the bytes a signature of it covers: all
// but signatures and unsigned, in canonical form.
func Covered(object json.RawMessage) (members map[string]json.RawMessage, message []byte, err error) {
	members, ok := rawjson.Object(object)
	if !ok {
		return nil, nil, errors.New("not a JSON object")
	}
	covered := make(map[string]json.RawMessage, len(members))
	for name, value := range members {
		if name != "signatures" && name != "unsigned" {
			covered[name] = value
		}
	}
	plain, err := json.Marshal(covered)
	if err != nil {
		return nil, nil, err
	}
	message, err = canonicaljson.Encode(plain)
	return members, message, err
}

// DecodeSignature reads base64 with or without its padding.
func DecodeSignature(encoded string) ([]byte, error) {
	signature, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return nil, errors.New("the signature is not base64")
	}
	if len(signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("the signature is not of %d bytes", ed25519.SignatureSize)
	}
	return signature, nil
}
