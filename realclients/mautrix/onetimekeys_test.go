package mautrix_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/olm"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/id"

	"github.com/chappe-im/chappe/internal/testserver"
)

// Half of the claims come in at the user's own server, half by federation, all at
// once. Once the keys are gone, everyone gets the fallback key.
func TestSixtyClaimsAtOnceGetSixtyOneTimeKeys(t *testing.T) {
	const keys = 60
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice := newClient(t, servers[0], ledger, "alice", "PHONE")
	bob := newClient(t, servers[1], ledger, "bob", "TABLET") // does not sync, so that nothing refills its keys
	carol := newClient(t, servers[1], ledger, "carol", "LAPTOP")
	bob.fillTo(keys)
	fallback := bob.publishFallback()

	claimed := make(chan mautrix.OneTimeKey, keys)
	claims := func(c *client) func(context.Context) error {
		return func(ctx context.Context) error {
			key, err := c.claim(ctx, bob)
			claimed <- key
			return err
		}
	}
	var all []func(context.Context) error
	for range keys / 2 {
		all = append(all, claims(alice), claims(carol))
	}
	beside(t, all...)()
	close(claimed)
	seen := make(map[id.Curve25519]bool)
	for key := range claimed {
		if key.Fallback || seen[key.Key] {
			t.Errorf("the key %s is a fallback: %v; was given before: %v", key.Key, key.Fallback, seen[key.Key])
		}
		seen[key.Key] = true
	}
	for _, c := range []*client{alice, carol, alice} {
		key, err := c.claim(within(t), bob)
		if err != nil || !key.Fallback || key.Key != fallback {
			t.Errorf("without one-time keys, %s claims %+v, %v; want the fallback key %s", c.device, key, err, fallback)
		}
	}
	for _, c := range []*client{alice, bob, carol} {
		c.checkRefusals()
	}
}

// claim claims one key of the other's device, and checks its signature.
func (c *client) claim(ctx context.Context, of *client) (mautrix.OneTimeKey, error) {
	user, device := id.UserID(of.device.User), id.DeviceID(of.device.ID)
	answer, err := c.matrix.ClaimKeys(ctx, &mautrix.ReqClaimKeys{
		OneTimeKeys: mautrix.OneTimeKeysRequest{user: {device: id.KeyAlgorithmSignedCurve25519}},
		Timeout:     patience.Milliseconds(),
	})
	if err != nil {
		return mautrix.OneTimeKey{}, err
	}
	got := answer.OneTimeKeys[user][device]
	if len(got) != 1 {
		return mautrix.OneTimeKey{}, fmt.Errorf("%s was given %d keys, %v", c.device, len(got), answer.Failures)
	}
	for _, key := range got {
		valid, err := signatures.VerifySignatureJSON(key.RawData, user, device.String(), of.machine().OwnIdentity().SigningKey)
		if !valid {
			err = errors.Join(err, fmt.Errorf("the signature of %s is wrong", key.RawData))
		}
		return key, err
	}
	panic("unreachable")
}

// fillTo uploads one-time keys until there are so many.
func (c *client) fillTo(keys int) {
	c.t.Helper()
	var have struct {
		Counts mautrix.OTKCount `json:"one_time_key_counts"`
	}
	c.upload(map[string]any{}, &have)
	account := c.machine().GetAccount().Internal
	if err := account.GenOneTimeKeys(uint(keys - have.Counts.SignedCurve25519)); err != nil {
		c.t.Fatal(err)
	}
	more, err := account.OneTimeKeys()
	if err != nil {
		c.t.Fatal(err)
	}
	account.MarkKeysAsPublished()
	signed := make(map[string]any)
	for keyID, key := range more {
		signed["signed_curve25519:"+keyID] = c.signed(map[string]any{"key": key})
	}
	c.upload(map[string]any{"one_time_keys": signed}, &have)
	if have.Counts.SignedCurve25519 != keys {
		c.t.Fatalf("the server has %d one-time keys, want %d", have.Counts.SignedCurve25519, keys)
	}
}

// publishFallback uploads a fallback key, which mautrix does not do by itself.
func (c *client) publishFallback() id.Curve25519 {
	c.t.Helper()
	stranger, err := olm.NewAccount() // any Curve25519 key will do
	if err != nil {
		c.t.Fatal(err)
	}
	_, key, err := stranger.IdentityKeys()
	if err != nil {
		c.t.Fatal(err)
	}
	c.upload(map[string]any{"fallback_keys": map[string]any{
		"signed_curve25519:FALLBACK": c.signed(map[string]any{"key": key, "fallback": true}),
	}}, nil)
	return key
}

func (c *client) signed(key map[string]any) map[string]any {
	c.t.Helper()
	signature, err := c.machine().GetAccount().SignJSON(key)
	if err != nil {
		c.t.Fatal(err)
	}
	key["signatures"] = map[string]any{c.device.User: map[string]string{"ed25519:" + c.device.ID: signature}}
	return key
}

// upload sends what mautrix's own type for it has no place for.
func (c *client) upload(body map[string]any, into any) {
	c.t.Helper()
	answer, err := c.matrix.MakeRequest(within(c.t), http.MethodPost, c.matrix.BuildClientURL("v3", "keys", "upload"), body, nil)
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		c.t.Fatalf("upload keys of %s: %v", c.device, err)
	}
}
