package todevice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Signatures are those of an object: user ID, then key ID, then signature.
//
// https://spec.matrix.org/v1.15/appendices/#signing-json
type Signatures map[string]map[string]json.RawMessage

// Add adds a signature, a JSON string, or puts it in the place of another.
func (s Signatures) Add(signer, keyID string, signature json.RawMessage) {
	if s[signer] == nil {
		s[signer] = make(map[string]json.RawMessage)
	}
	s[signer][keyID] = signature
}

// StoredKey gives a key object as it is stored: without unsigned, which is for
// servers to say and under no signature. All else stays byte for byte where there
// is none.
func StoredKey(key json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(key, &members); err != nil {
		return nil, fmt.Errorf("key object: %w", err)
	}
	if _, ok := members["unsigned"]; !ok {
		return key, nil
	}
	delete(members, "unsigned")
	return json.Marshal(members)
}

// SignedPart gives what the signatures of a key are made of, in a form to compare:
// two keys with the same signed part are the same key, signed once or twice. A
// bare string is all signed part.
func SignedPart(key json.RawMessage) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(key))
	decoder.UseNumber() // a float64 would make equals of different numbers
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if members, ok := value.(map[string]any); ok {
		delete(members, "signatures")
		delete(members, "unsigned")
	}
	return json.Marshal(value)
}

// SignaturesOf gives the signatures an object carries, none where they have no
// such form.
func SignaturesOf(object json.RawMessage) Signatures {
	var members map[string]json.RawMessage
	var signatures Signatures
	if json.Unmarshal(object, &members) != nil || json.Unmarshal(members["signatures"], &signatures) != nil {
		return nil
	}
	return signatures
}

// WithSignatures gives a key object with the signatures it carries and those added
// later, as far as visible, which tells it of a signer's user ID. Where that is what
// it carries, as of most keys, it is given as it is.
func WithSignatures(object json.RawMessage, added Signatures, visible func(signer string) bool) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("key object: %w", err)
	}
	var own Signatures
	readable := json.Unmarshal(members["signatures"], &own) == nil
	if !readable {
		own = nil
	}
	hidden := func(signer string) bool { return !visible(signer) }
	if readable && len(added) == 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(own)), hidden) {
		return object, nil
	}
	all := make(Signatures)
	for _, signatures := range []Signatures{own, added} {
		for signer, byKey := range signatures {
			if !visible(signer) {
				continue
			}
			for keyID, signature := range byKey {
				all.Add(signer, keyID, signature)
			}
		}
	}
	var err error
	if members["signatures"], err = json.Marshal(all); err != nil {
		return nil, fmt.Errorf("signatures: %w", err)
	}
	return json.Marshal(members)
}

// Object gives the keys as a key query shows them: with the device's name.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysquery
func (d DeviceKeys) Object() (json.RawMessage, error) {
	if d.DisplayName == "" {
		return d.Keys, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(d.Keys, &members); err != nil {
		return nil, fmt.Errorf("key object: %w", err)
	}
	name := AppendString([]byte(`{"device_display_name":`), d.DisplayName)
	members["unsigned"] = append(name, '}')
	return json.Marshal(members)
}

// PublicKey gives the public key of a cross-signing key, by which signatures name
// it; "" where the object has none.
func PublicKey(crossSigning json.RawMessage) string {
	// A struct would read "Keys", too, and so another key than the one that is signed.
	var members, keys map[string]json.RawMessage
	if json.Unmarshal(crossSigning, &members) != nil || json.Unmarshal(members["keys"], &keys) != nil {
		return ""
	}
	for name := range keys { // there is one
		_, public, _ := strings.Cut(name, ":")
		return public
	}
	return ""
}
