//go:build synapse

package interop

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/testserver"
)

// algorithm is that of the one-time keys.
const algorithm = "signed_curve25519"

// An owner is a device with keys, as a client makes them.
type owner struct {
	*testserver.Client
	key signing.Key
}

func newOwner(t *testing.T, c *testserver.Client) owner {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return owner{Client: c, key: signing.Key{ID: gomatrixserverlib.KeyID("ed25519:" + c.Device.ID), Private: private}}
}

// sign gives the canonical form of a value with the device's signature.
func (o owner) sign(t *testing.T, value any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		text, err = signing.SignObject(text, spec.ServerName(o.Device.User), o.key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// verify checks the device's signature of a key that came from elsewhere.
func (o owner) verify(t *testing.T, key json.RawMessage) {
	t.Helper()
	if err := signing.VerifyObject(key, spec.ServerName(o.Device.User), o.key.ID, o.key.Public()); err != nil {
		t.Errorf("the signature of %s is not good any more: %v", key, err)
	}
}

// deviceKeys are its identity.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysupload_request_devicekeys
func (o owner) deviceKeys(t *testing.T) json.RawMessage {
	return o.sign(t, map[string]any{
		"user_id": o.Device.User, "device_id": o.Device.ID,
		"algorithms": []string{"m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"},
		"keys": map[string]string{
			"curve25519:" + o.Device.ID: curve25519Key(),
			string(o.key.ID):            base64.RawStdEncoding.EncodeToString(o.key.Public()),
		},
	})
}

// curve25519Key is one as far as servers can tell.
func curve25519Key() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.RawStdEncoding.EncodeToString(key)
}

// upload stores keys, and gives how many one-time keys are there.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysupload
func (o owner) upload(ctx context.Context, keys map[string]any) (int, error) {
	var answer struct {
		Counts map[string]int `json:"one_time_key_counts"`
	}
	err := call(ctx, o.Client, http.MethodPost, "/_matrix/client/v3/keys/upload", keys, &answer)
	return answer.Counts[algorithm], err
}

// A queryAnswer is that of keys/query and keys/claim, as far as it is asked for.
type queryAnswer struct {
	DeviceKeys map[string]map[string]json.RawMessage            `json:"device_keys"`
	OneTime    map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
	Failures   map[string]json.RawMessage                       `json:"failures"`
}

// query asks for all devices of a user.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysquery
func query(ctx context.Context, by *testserver.Client, user string) (answer queryAnswer, err error) {
	err = call(ctx, by, http.MethodPost, "/_matrix/client/v3/keys/query",
		map[string]any{"device_keys": map[string][]string{user: {}}, "timeout": 10_000}, &answer)
	return answer, err
}

// claim takes one key of a device. ID and key are empty where there is none.
//
// https://spec.matrix.org/v1.15/client-server-api/#post_matrixclientv3keysclaim
func claim(ctx context.Context, by *testserver.Client, of testserver.Device) (id string, key json.RawMessage, err error) {
	var answer queryAnswer
	err = call(ctx, by, http.MethodPost, "/_matrix/client/v3/keys/claim",
		map[string]any{"one_time_keys": map[string]map[string]string{of.User: {of.ID: algorithm}}, "timeout": 10_000}, &answer)
	if err == nil && len(answer.Failures) > 0 {
		err = fmt.Errorf("claim a key of %s: failures %s", of, answer.Failures)
	}
	for id, key := range answer.OneTime[of.User][of.ID] {
		return id, key, err
	}
	return "", nil, err
}

func TestKeysOfTheOtherServersUsersAreQueriedAndClaimed(t *testing.T) {
	const keys = 40
	p := newPair(t, nil)
	for i, way := range p.ways() {
		t.Run("asked from "+way.name, func(t *testing.T) {
			alice := way.from.Device(fmt.Sprint("alice", i), "PHONE")
			bob := newOwner(t, way.to.Device(fmt.Sprint("bob", i), "TABLET"))
			identity, oneTime := bob.deviceKeys(t), make(map[string]json.RawMessage)
			for n := range keys {
				oneTime[fmt.Sprintf("%s:AAAA%02d", algorithm, n)] = bob.sign(t, map[string]any{"key": curve25519Key()})
			}
			fallback := bob.sign(t, map[string]any{"key": curve25519Key(), "fallback": true})
			count, err := bob.upload(within(t, soon), map[string]any{
				"device_keys": identity, "one_time_keys": oneTime,
				"fallback_keys": map[string]json.RawMessage{algorithm + ":FALLBACK": fallback},
			})
			if err != nil || count != keys {
				t.Fatalf("%d keys are there after the upload of %d: %v", count, keys, err)
			}
			checkQuery(t, alice, bob, identity)
			claimed := claimAll(t, alice, bob, oneTime)
			t.Logf("%d of %d one-time keys claimed", len(claimed), keys)
			for range 2 { // a fallback key is for everyone
				id, key, err := claim(within(t, soon), alice, bob.Device)
				if err != nil || id != algorithm+":FALLBACK" {
					t.Fatalf("with all one-time keys claimed there is %q (%v), want the fallback key", id, err)
				}
				bob.verify(t, key)
			}
			if count, err := bob.upload(within(t, soon), map[string]any{}); err != nil || count != 0 {
				t.Errorf("with all claimed, %d keys are said to be there (%v)", count, err)
			}
		})
	}
}

// checkQuery asks for a user's devices, and compares what comes with what was
// uploaded, whatever is unsigned left out.
func checkQuery(t *testing.T, by *testserver.Client, of owner, uploaded json.RawMessage) {
	t.Helper()
	answer, err := query(within(t, soon), by, of.Device.User)
	if err != nil || len(answer.Failures) > 0 {
		t.Fatalf("query the keys of %s: %v, failures %s", of.Device, err, answer.Failures)
	}
	got := answer.DeviceKeys[of.Device.User][of.Device.ID]
	t.Logf("device keys: %s", got)
	of.verify(t, got)
	var members map[string]json.RawMessage
	if err := json.Unmarshal(got, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "unsigned")
	signed, err := json.Marshal(members)
	if err == nil {
		signed, err = canonicaljson.Encode(signed)
	}
	if err != nil || !bytes.Equal(signed, uploaded) {
		t.Errorf("got %s (%v), uploaded was %s", signed, err, uploaded)
	}
}

// claimAll claims as many keys as there are, several at once, and checks each.
func claimAll(t *testing.T, by *testserver.Client, of owner, uploaded map[string]json.RawMessage) []string {
	t.Helper()
	const claimers = 4
	ctx := within(t, soon)
	var mu sync.Mutex
	claimed := make(map[string]json.RawMessage) // guarded by mu
	var claiming sync.WaitGroup
	for range claimers {
		claiming.Go(func() {
			for range len(uploaded) / claimers {
				id, key, err := claim(ctx, by, of.Device)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				_, twice := claimed[id]
				claimed[id] = key
				mu.Unlock()
				if twice {
					t.Errorf("%s was handed out twice", id)
				}
			}
		})
	}
	claiming.Wait()
	var ids []string
	for id, key := range claimed {
		if uploaded[id] == nil {
			t.Errorf("%q was never uploaded as a one-time key", id)
			continue
		}
		of.verify(t, key)
		if canonical, err := canonicaljson.Encode(key); err != nil || !bytes.Equal(canonical, uploaded[id]) {
			t.Errorf("%s is %s (%v), uploaded was %s", id, key, err, uploaded[id])
		}
		ids = append(ids, id)
	}
	if len(ids) != len(uploaded) {
		t.Errorf("%d of %d keys were handed out", len(ids), len(uploaded))
	}
	slices.Sort(ids)
	return ids
}

// A server that cannot be asked is named in the answer, which is no error.
func TestAQueryOfKeysNamesAServerThatIsDown(t *testing.T) {
	p := newPair(t, nil)
	for i, way := range p.ways() {
		t.Run("asked from "+way.name, func(t *testing.T) {
			alice := way.from.Device(fmt.Sprint("alice", i), "PHONE")
			bob := newOwner(t, way.to.Device(fmt.Sprint("bob", i), "TABLET"))
			identity := bob.deviceKeys(t)
			_, err := bob.upload(within(t, soon), map[string]any{"device_keys": identity})
			if err != nil {
				t.Fatal(err)
			}
			way.to.Stop()
			answer, err := query(within(t, soon), alice, bob.Device.User)
			if err != nil || answer.Failures[string(way.to.Name())] == nil {
				t.Errorf("the answer does not name the server that is down: %v, %v", answer, err)
			}
			t.Logf("failures: %s", answer.Failures[string(way.to.Name())])
			way.to.Start()
			// Synapse backs off from a server after one query in vain, and notes in the
			// background that it has heard from it again.
			if _, err := query(within(t, soon), bob.Client, alice.Device.User); err != nil {
				t.Error(err)
			}
			awaitNoFailure(t, alice, bob)
			checkQuery(t, alice, bob, identity)
		})
	}
}

// awaitNoFailure asks until the other server was reached.
func awaitNoFailure(t *testing.T, by *testserver.Client, of owner) {
	t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for ctx := within(t, soon); ; {
		answer, err := query(ctx, by, of.Device.User)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Failures) == 0 {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("the server is up for %v and still not reached: %s", soon, answer.Failures)
		}
	}
}
