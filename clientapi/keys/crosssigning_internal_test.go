package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/signedjson"
	"github.com/chappe-im/chappe/todevice"
)

// FuzzReadSigning: whatever is accepted as a cross-signing key is one key, which can be
// signed and stored, and names itself.
func FuzzReadSigning(f *testing.F) {
	const public = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	f.Add([]byte(`{"master_key":{"user_id":"@a:b","usage":["master","x"],"keys":{"ed25519:` + public + `":"` + public + `"},"Keys":{"ed25519:x":"x"}},"auth":{"session":"s"}}`))
	f.Add([]byte(`{"self_signing_key":{"user_id":"@a:b","usage":["self_signing"],"keys":{"ed25519:` + public + `":"` + public + `"},"signatures":{"@a:b":{"ed25519:x":"s"}},"unsigned":1}}`))
	f.Add([]byte(`{"user_signing_key":null,"auth":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := readSigning(httptest.NewRequest("POST", "/", bytes.NewReader(body)))
		if err != nil {
			return
		}
		given := 0
		for _, key := range []json.RawMessage{q.keys.Master, q.keys.SelfSigning, q.keys.UserSigning} {
			if key == nil {
				continue
			}
			given++
			if _, ok := decodePublic(todevice.PublicKey(key)); !ok {
				t.Errorf("%q has no public key", key)
			}
			stored, err := todevice.StoredKey(key)
			if err != nil {
				t.Fatalf("%q: %v", key, err)
			}
			if _, err := canonicaljson.Strict(stored); err != nil || !sameKey(key, stored) {
				t.Errorf("%q became %q (%v)", key, stored, err)
			}
		}
		if given != len(q.userIDs) {
			t.Errorf("%d keys name %d users", given, len(q.userIDs))
		}
	})
}

// FuzzSignable: what is taken is a good signature of the key that is stored.
func FuzzSignable(f *testing.F) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := base64.RawStdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	user := todevice.UserID{Localpart: "a", Server: "b"}
	stored := json.RawMessage(`{"device_id":"D","n":1,"signatures":{"@a:b":{"ed25519:D":"own"}}}`)
	_, message, err := signedjson.Covered(stored)
	if err != nil {
		f.Fatal(err)
	}
	signature := base64.RawStdEncoding.EncodeToString(ed25519.Sign(private, message))
	f.Add([]byte(fmt.Sprintf(`{"n":1,"device_id":"D","signatures":{"@a:b":{"ed25519:S":"%s==","ed25519:D":"own"}}}`, signature)))
	f.Add([]byte(fmt.Sprintf(`{"n":1.0,"device_id":"D","signatures":{"@a:b":{"ed25519:S":%q}}}`, signature)))
	f.Add([]byte(`{"n":1,"device_id":"\u0044","unsigned":[],"signatures":{"@a:b":{"ed25519:S":7},"@c:d":[]}}`))
	key := signable{owner: user, name: "D", object: stored, signers: map[string]string{"ed25519:S": public}}
	f.Fuzz(func(t *testing.T, object []byte) {
		if !json.Valid(object) {
			return // refused before
		}
		signatures, why := key.check(user, object)
		for _, got := range signatures {
			raw, err := base64.RawStdEncoding.DecodeString(got.Signature)
			if why != "" || err != nil || got.KeyID != "ed25519:S" || !ed25519.Verify(private.Public().(ed25519.PublicKey), message, raw) {
				t.Errorf("%q: taken %+v (%q)", object, got, why)
			}
		}
	})
}
