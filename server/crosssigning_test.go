package server

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
)

// A crossSigner is the cross-signing keys of a user, with what belongs to them.
type crossSigner struct {
	user                             string
	master, selfSigning, userSigning signing.Key
}

func newCrossSigner(user, word string) crossSigner {
	key := func(usage string) signing.Key {
		seed := sha256.Sum256([]byte(user + word + usage))
		private := ed25519.NewKeyFromSeed(seed[:])
		public := base64.RawStdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
		return signing.Key{ID: gomatrixserverlib.KeyID("ed25519:" + public), Private: private}
	}
	return crossSigner{user, key("master"), key("self_signing"), key("user_signing")}
}

// public writes a key for a usage.
func (c crossSigner) public(key signing.Key, usage string) string {
	return fmt.Sprintf(`{"user_id":%q,"usage":[%q],"keys":{%q:%q}}`, c.user, usage, key.ID, key.ID[len("ed25519:"):])
}

// sign adds a signature of the user to an object.
func (c crossSigner) sign(t *testing.T, key signing.Key, object string) string {
	t.Helper()
	signed, err := signing.SignObject(json.RawMessage(object), spec.ServerName(c.user), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// upload writes the body of an upload of all keys, with more members if need be.
func (c crossSigner) upload(t *testing.T, more string) string {
	t.Helper()
	return `{"master_key":` + c.public(c.master, "master") + `,"self_signing_key":` + c.sign(t, c.master, c.public(c.selfSigning, "self_signing")) +
		`,"user_signing_key":` + c.sign(t, c.master, c.public(c.userSigning, "user_signing")) + more + `}`
}

// Alice of one server and Bob of the other have cross-signing keys, and Bob verifies
// Alice. When she resets her keys, with her password, his server hears of it, and
// nothing is left of his signature.
func TestUsersOfTwoServersVerifyEachOther(t *testing.T) {
	n := &internet{servers: make(map[string]http.Handler)}
	a, b := n.join(t, "a.test", nil), n.join(t, "b.test", nil)
	alice, bob, carol := a.register("alice"), b.register("bob"), b.register("carol")
	first, second := newCrossSigner("@alice:a.test", "first"), newCrossSigner("@alice:a.test", "second")
	bobs := newCrossSigner("@bob:b.test", "")
	a.post("keys/device_signing/upload", alice, first.upload(t, ""))
	b.post("keys/device_signing/upload", bob, bobs.upload(t, ""))
	master := func(token string) (key, signedBy string) {
		t.Helper()
		answer := b.post("keys/query", token, `{"device_keys":{"@alice:a.test":[]}}`)
		text, _ := json.Marshal(answer["master_keys"].(map[string]any)["@alice:a.test"])
		var object struct {
			Keys       map[string]string
			Signatures map[string]map[string]string
		}
		if err := json.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		for key = range object.Keys {
		}
		for signedBy = range object.Signatures["@bob:b.test"] {
		}
		return key, signedBy
	}
	if key, _ := master(bob); key != string(first.master.ID) {
		t.Fatalf("bob sees the key %q", key)
	}
	since := b.since(bob)
	object := bobs.sign(t, bobs.userSigning, first.public(first.master, "master"))
	body := fmt.Sprintf(`{"@alice:a.test":{%q:%s}}`, first.master.ID[len("ed25519:"):], object)
	if answer := b.post("keys/signatures/upload", bob, body); len(answer["failures"].(map[string]any)) > 0 {
		t.Fatalf("bob's signature: %v", answer)
	}
	b.awaitChanged(bob, since, "@alice:a.test")
	since = b.since(bob)
	for token, want := range map[string]string{bob: string(bobs.userSigning.ID), carol: ""} {
		if _, by := master(token); by != want {
			t.Errorf("the signature by %q is seen, want %q", by, want)
		}
	}

	status, answer := a.do("POST", "/_matrix/client/v3/keys/device_signing/upload", alice, second.upload(t, ""))
	session, _ := answer["session"].(string)
	if status != 401 || session == "" {
		t.Fatalf("a reset without a password: %d %v", status, answer)
	}
	auth := func(password string) string {
		return fmt.Sprintf(`,"auth":{"type":"m.login.password","identifier":{"type":"m.id.user","user":"alice"},"password":%q,"session":%q}`, password, session)
	}
	if status, answer := a.do("POST", "/_matrix/client/v3/keys/device_signing/upload", alice, second.upload(t, auth("wrong"))); status != 401 {
		t.Fatalf("a reset with a wrong password: %d %v", status, answer)
	}
	a.post("keys/device_signing/upload", alice, second.upload(t, auth("p")))
	b.awaitChanged(bob, since, "@alice:a.test")
	if key, by := master(bob); key != string(second.master.ID) || by != "" {
		t.Errorf("bob sees the key %q with a signature by %q", key, by)
	}
}

// since gives the token of a first sync.
func (r *running) since(token string) string {
	r.t.Helper()
	status, answer := r.do("GET", "/_matrix/client/v3/sync", token, "")
	since, _ := answer["next_batch"].(string)
	if status != 200 || since == "" {
		r.t.Fatalf("sync: %d %v", status, answer)
	}
	return since
}

// awaitChanged polls until a user is among those whose devices have changed.
func (r *running) awaitChanged(token, since, user string) {
	r.t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		status, answer := r.do("GET", "/_matrix/client/v3/sync?timeout=10000&since="+since, token, "")
		if status != 200 {
			r.t.Fatalf("sync: %d %v", status, answer)
		}
		lists, _ := answer["device_lists"].(map[string]any)
		changed, _ := lists["changed"].([]any)
		if slices.Contains(changed, any(user)) {
			return
		}
		since, _ = answer["next_batch"].(string)
	}
	r.t.Fatalf("nobody is told of %s", user)
}
