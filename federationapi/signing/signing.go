// Package signing signs requests and JSON objects as servers do, reads and writes
// the X-Matrix header, and keeps the key that is signed with.
//
// https://spec.matrix.org/v1.15/appendices/#signing-json
package signing

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/signedjson"
)

// A Request is what a request's signature covers besides its content.
// Both names are the servers' own, from before any delegation.
//
// https://spec.matrix.org/v1.15/server-server-api/#request-authentication
type Request struct {
	Destination spec.ServerName `json:"destination"`
	Method      string          `json:"method"`
	Origin      spec.ServerName `json:"origin"`
	// URI is the path and query as they stand in the request line.
	URI string `json:"uri"`
}

// Message gives the bytes to sign for a request with this body, nil where it has
// none. The body is not put in order twice: "content" sorts before the rest.
func (t Request) Message(body json.RawMessage) ([]byte, error) {
	target, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	if target, err = canonicaljson.Canonical(target); err != nil || body == nil {
		return target, err
	}
	content, err := canonicaljson.Canonical(body)
	if err != nil {
		return nil, err
	}
	message := make([]byte, 0, len(content)+len(target)+len(`{"content":,`))
	message = append(append(message, `{"content":`...), content...)
	return append(append(message, ','), target[1:]...), nil
}

// SignObject gives a JSON object with our signature added, in canonical form. The
// signatures it carries already stay beside it.
//
// https://spec.matrix.org/v1.15/appendices/#signing-json
func SignObject(raw json.RawMessage, name spec.ServerName, key Key) (json.RawMessage, error) {
	members, message, err := signedjson.Covered(raw)
	if err != nil {
		return nil, err
	}
	if members["signatures"], err = addSignature(members["signatures"], name, key.ID, key.Sign(message)); err != nil {
		return nil, err
	}
	signed, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return canonicaljson.Encode(signed)
}

// addSignature puts a signature into a signatures member, nil where there is none.
func addSignature(raw json.RawMessage, name spec.ServerName, id gomatrixserverlib.KeyID, signature string) (json.RawMessage, error) {
	signatures := map[spec.ServerName]map[gomatrixserverlib.KeyID]string{}
	if raw != nil {
		if err := json.Unmarshal(raw, &signatures); err != nil || signatures == nil {
			return nil, errors.New("signatures is not signers with their signatures")
		}
	}
	if signatures[name] == nil {
		signatures[name] = map[gomatrixserverlib.KeyID]string{}
	}
	signatures[name][id] = signature
	return json.Marshal(signatures)
}

// VerifyObject checks that a JSON object carries the signature of name with key.
func VerifyObject(raw json.RawMessage, name spec.ServerName, id gomatrixserverlib.KeyID, public ed25519.PublicKey) error {
	return signedjson.Verify(raw, string(name), string(id), public)
}
