package mautrix_test

import "maunium.net/go/mautrix/id"

// crossSign makes the user's cross-signing keys, stores them in the account data,
// and signs the device with them.
func (c *client) crossSign() {
	c.t.Helper()
	ctx := within(c.t)
	if _, _, err := c.machine().GenerateAndUploadCrossSigningKeysWithPassword(ctx, password, ""); err != nil {
		c.t.Fatalf("make the cross-signing keys of %s: %v", c.device, err)
	}
	if err := c.machine().SignOwnDevice(ctx, c.machine().OwnIdentity()); err != nil {
		c.t.Fatalf("sign %s: %v", c.device, err)
	}
	if err := c.machine().SignOwnMasterKey(ctx); err != nil {
		c.t.Fatalf("sign the master key of %s: %v", c.device, err)
	}
}

// verify signs another user's master key, as after a comparison of emojis.
func (c *client) verify(other *client) {
	c.t.Helper()
	ctx, user := within(c.t), id.UserID(other.device.User)
	devices, err := c.machine().FetchKeys(ctx, []id.UserID{user}, true)
	if err != nil {
		c.t.Fatalf("%s asks for the devices of %s: %v", c.device, user, err)
	}
	keys, err := c.machine().CryptoStore.GetCrossSigningKeys(ctx, user)
	if err != nil {
		c.t.Fatal(err)
	}
	if want := other.machine().CrossSigningKeys.MasterKey.PublicKey(); keys[id.XSUsageMaster].Key != want {
		c.t.Fatalf("%s sees the master key %q of %s, want %q", c.device, keys[id.XSUsageMaster].Key, user, want)
	}
	if err := c.machine().SignUser(ctx, user, keys[id.XSUsageMaster].Key); err != nil {
		c.t.Fatalf("%s signs the master key of %s: %v", c.device, user, err)
	}
	device := devices[user][id.DeviceID(other.device.ID)]
	if device == nil {
		c.t.Fatalf("%s does not see %s", c.device, other.device)
	}
	if trust, err := c.machine().ResolveTrustContext(ctx, device); trust != id.TrustStateCrossSignedVerified {
		c.t.Errorf("%s trusts %s: %s, %v", c.device, other.device, trust, err)
	}
}
