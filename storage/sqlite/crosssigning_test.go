package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func crossSigningKey(name string) json.RawMessage {
	if name == "" {
		return nil
	}
	return fmt.Appendf(nil, `{"keys":{"ed25519:%s":%q},"usage":["x"]}`, name, name)
}

// crossSigning makes keys of these public keys, none where it is "".
func crossSigning(master, selfSigning, userSigning string) todevice.CrossSigningKeys {
	return todevice.CrossSigningKeys{
		Master: crossSigningKey(master), SelfSigning: crossSigningKey(selfSigning), UserSigning: crossSigningKey(userSigning),
	}
}

func signature(signer todevice.UserID, key string, target todevice.UserID, targetKey string) todevice.Signature {
	return todevice.Signature{Signer: signer, KeyID: "ed25519:" + key, Target: target, TargetKey: targetKey, Signature: "later"}
}

// sign adds signatures of the keys as they are, and gives how many were kept.
func sign(t testing.TB, s *Store, signatures ...todevice.Signature) (kept int) {
	t.Helper()
	for i, g := range signatures {
		signatures[i].Object = object(t, s, g.Target, g.TargetKey)
	}
	late, err := s.AddSignatures(context.Background(), signatures)
	if err != nil {
		t.Fatal(err)
	}
	return len(signatures) - len(late)
}

// object gives the key of this name, nil where there is none.
func object(t testing.TB, s *Store, user todevice.UserID, name string) json.RawMessage {
	t.Helper()
	if user.Server == here {
		if devices := query(t, s, user, user.Localpart, name).Devices; len(devices) > 0 {
			return devices[0].Keys
		}
	}
	keys := keysOf(t, s, user)
	for _, key := range []json.RawMessage{keys.Master, keys.SelfSigning, keys.UserSigning} {
		if key != nil && todevice.PublicKey(key) == name {
			return key
		}
	}
	return nil
}

func keysOf(t testing.TB, s *Store, user todevice.UserID) todevice.CrossSigningKeys {
	t.Helper()
	keys, err := s.CrossSigningKeys(context.Background(), user)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// set puts keys in the place of those that are there.
func set(t testing.TB, s *Store, user todevice.UserID, keys todevice.CrossSigningKeys) {
	t.Helper()
	if err := s.SetCrossSigningKeys(context.Background(), user, keysOf(t, s, user), keys); err != nil {
		t.Fatal(err)
	}
}

// names gives the public keys there are, "-" where there is none.
func names(keys todevice.CrossSigningKeys) string {
	var all []string
	for _, key := range []json.RawMessage{keys.Master, keys.SelfSigning, keys.UserSigning} {
		name := "-"
		if key != nil {
			name = todevice.PublicKey(key)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

// signers gives "signer key" of each signature an object carries.
func signers(object json.RawMessage) []string {
	all := []string{}
	for signer, byKey := range todevice.SignaturesOf(object) {
		for key := range maps.Keys(byKey) {
			all = append(all, signer+" "+key)
		}
	}
	slices.Sort(all)
	return all
}

func TestUserSigningKeyIsForItsOwnerOnly(t *testing.T) {
	s := newStore(t)
	alice, bob := register(t, s, "alice", "A").User, register(t, s, "bob", "B").User
	set(t, s, alice, crossSigning("M", "S", "U"))
	for _, c := range []struct {
		who    string
		viewer todevice.UserID
		want   string
	}{
		{"the owner", alice, "M S U"},
		{"another user", bob, "M S -"},
		{"a server", todevice.UserID{}, "M S -"},
	} {
		if got := names(query(t, s, c.viewer, "alice").CrossSigningKeys); got != c.want {
			t.Errorf("%s sees %q, want %q", c.who, got, c.want)
		}
	}
	if got := names(deviceList(t, s, "alice").CrossSigningKeys); got != "M S -" {
		t.Errorf("the device list shows %q", got)
	}
}

func TestSignaturesAreSeenByThoseWhoMay(t *testing.T) {
	s := newStore(t)
	device := register(t, s, "alice", "A")
	alice, bob, carol := device.User, register(t, s, "bob", "B").User, register(t, s, "carol", "C").User
	upload(t, s, device, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")})
	set(t, s, alice, crossSigning("M", "S", "U"))
	set(t, s, bob, crossSigning("BM", "", "BU"))
	set(t, s, carol, crossSigning("CM", "", "CU"))
	sign(t, s,
		signature(alice, "S", alice, "A"), signature(alice, "A", alice, "M"),
		signature(bob, "BU", alice, "M"), signature(carol, "CU", alice, "M"),
	)
	byAlice, byBob, byCarol := "@alice:here.test ed25519:A", "@bob:here.test ed25519:BU", "@carol:here.test ed25519:CU"
	for _, c := range []struct {
		who    string
		viewer todevice.UserID
		want   []string
	}{
		{"the owner", alice, []string{byAlice, byBob, byCarol}},
		{"a signer", bob, []string{byAlice, byBob}},
		{"another signer", carol, []string{byAlice, byCarol}},
		{"a server", todevice.UserID{}, []string{byAlice}},
	} {
		keys := query(t, s, c.viewer, "alice")
		if got := signers(keys.Master); !slices.Equal(got, c.want) {
			t.Errorf("%s sees on the master key %q, want %q", c.who, got, c.want)
		}
		if got := signers(keys.Devices[0].Keys); !slices.Equal(got, []string{byAlice, "@alice:here.test ed25519:S"}) {
			t.Errorf("%s sees on the device %q", c.who, got)
		}
	}
}

// What a client writes into its upload is not seen by more than what is added later.
func TestForeignSignaturesInAnUploadAreHidden(t *testing.T) {
	s := newStore(t)
	device := register(t, s, "alice", "A")
	keys := `{"signatures":{"@alice:here.test":{"ed25519:A":"x"},"@mallory:there.test":{"ed25519:M":"x"}}}`
	upload(t, s, device, todevice.KeyUpload{DeviceKeys: json.RawMessage(keys)})
	if got := signers(query(t, s, todevice.UserID{}, "alice").Devices[0].Keys); len(got) != 1 {
		t.Errorf("a server sees %q", got)
	}
}

func TestNewMasterKeyTakesTheOthersAway(t *testing.T) {
	s := newStore(t)
	alice := register(t, s, "alice", "A").User
	for _, step := range []struct {
		given todevice.CrossSigningKeys
		want  string
	}{
		{crossSigning("M1", "S1", "U1"), "M1 S1 U1"},
		{crossSigning("", "S2", ""), "M1 S2 U1"},
		{crossSigning("M1", "", "U2"), "M1 S2 U2"},
		{crossSigning("M2", "S3", ""), "M2 S3 -"},
		{crossSigning("M3", "", ""), "M3 - -"},
	} {
		set(t, s, alice, step.given)
		if got := names(keysOf(t, s, alice)); got != step.want {
			t.Errorf("after %q: %q, want %q", names(step.given), got, step.want)
		}
	}
}

func TestSignaturesGoWithTheirKey(t *testing.T) {
	s := newStore(t)
	device := register(t, s, "alice", "A")
	alice, bob := device.User, register(t, s, "bob", "B").User
	upload(t, s, device, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")})
	set(t, s, alice, crossSigning("M1", "S1", "U1"))
	set(t, s, bob, crossSigning("BM", "", "BU"))
	sign(t, s, signature(alice, "S1", alice, "A"), signature(bob, "BU", alice, "M1"))
	set(t, s, alice, crossSigning("M2", "S2", "U2"))
	if n := rows(t, s, "signatures"); n != 0 {
		t.Errorf("%d signatures on or by replaced keys are left", n)
	}
	sign(t, s, signature(alice, "S2", alice, "A"), signature(alice, "A", alice, "M2"))
	upload(t, s, device, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "other")})
	if n := rows(t, s, "signatures"); n != 0 {
		t.Error("a signature on the device's old keys, or with them, is left")
	}
}

func TestWhoHearsOfCrossSigningChanges(t *testing.T) {
	s := newStore(t)
	device := register(t, s, "alice", "A")
	alice, bob := device.User, register(t, s, "bob", "B").User
	remote := todevice.UserID{Localpart: "rita", Server: "there.test"}
	upload(t, s, device, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")})
	set(t, s, bob, crossSigning("BM", "", ""))
	set(t, s, remote, crossSigning("RM", "", ""))
	for _, step := range []struct {
		name     string
		do       func()
		everyone bool   // hears of alice
		own      string // whom alice's own devices hear of besides
	}{
		{"all keys", func() { set(t, s, alice, crossSigning("M", "S", "U")) }, true, ""},
		{"the same keys", func() { set(t, s, alice, crossSigning("M", "S", "U")) }, false, ""},
		{"the user-signing key", func() { set(t, s, alice, crossSigning("", "", "U2")) }, false, alice.String()},
		{"the self-signing key", func() { set(t, s, alice, crossSigning("", "S2", "")) }, true, ""},
		{"a signature on the own device", func() { sign(t, s, signature(alice, "S2", alice, "A")) }, true, ""},
		{"the same signature", func() { sign(t, s, signature(alice, "S2", alice, "A")) }, false, ""},
		{"a signature on the own master key", func() { sign(t, s, signature(alice, "A", alice, "M")) }, true, ""},
		{"a signature on another's master key", func() { sign(t, s, signature(alice, "U2", bob, "BM")) }, false, bob.String()},
		{"one on a remote master key", func() { sign(t, s, signature(alice, "U2", remote, "RM")) }, false, remote.String()},
		{"another user's keys", func() { set(t, s, remote, crossSigning("RM", "RS", "")) }, false, ""},
	} {
		before, stream := s.Head(), deviceList(t, s, "alice").StreamID
		step.do()
		own, err := collectStrings(s, fmt.Sprintf(`SELECT user_id FROM own_view_changes WHERE localpart = 'alice' AND position > %d`, before))
		if err != nil {
			t.Fatal(err)
		}
		if now := deviceList(t, s, "alice").StreamID; (now > stream) != step.everyone || strings.Join(own, " ") != step.own {
			t.Errorf("%s: the stream went from %d to %d, own devices hear of %q", step.name, stream, now, own)
		}
	}
}

func TestSignerSeesOwnSignaturesOnKeysOfOtherServers(t *testing.T) {
	s := newStore(t)
	alice, bob := register(t, s, "alice", "A").User, register(t, s, "bob", "B").User
	remote := todevice.UserID{Localpart: "rita", Server: "there.test"}
	set(t, s, alice, crossSigning("M", "", "U"))
	set(t, s, bob, crossSigning("BM", "", "U"))
	set(t, s, remote, crossSigning("RM", "", ""))
	sign(t, s, signature(alice, "U", remote, "RM"), signature(bob, "U", remote, "RM"))
	got, err := s.SignaturesBy(context.Background(), alice)
	want := `{"@rita:there.test":{"RM":{"@alice:here.test":{"ed25519:U":"later"}}}}`
	if text, _ := json.Marshal(got); err != nil || string(text) != want {
		t.Errorf("got %s %v, want %s", text, err, want)
	}
}

func TestKeysOfNobodyAreRefused(t *testing.T) {
	s := newStore(t)
	nobody := todevice.UserID{Localpart: "nobody", Server: here}
	err := s.SetCrossSigningKeys(context.Background(), nobody, todevice.CrossSigningKeys{}, crossSigning("M", "", ""))
	if !errors.Is(err, todevice.ErrUnknownUser) || rows(t, s, "cross_signing_keys") != 0 {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreReplacedByThoseWhoKnowThemOnly(t *testing.T) {
	s := newStore(t)
	alice := register(t, s, "alice", "A").User
	set(t, s, alice, crossSigning("M", "S", "U"))
	head := s.Head()
	for _, from := range []todevice.CrossSigningKeys{{}, crossSigning("M", "S", ""), crossSigning("M", "S2", "U"), crossSigning("M2", "S", "U")} {
		err := s.SetCrossSigningKeys(context.Background(), alice, from, crossSigning("M3", "S3", "U3"))
		if got := names(keysOf(t, s, alice)); !errors.Is(err, todevice.ErrKeysChanged) || got != "M S U" || s.Head() != head {
			t.Errorf("from %q: %v, and the keys are %q", names(from), err, got)
		}
	}
}

func TestDeviceAndKeyHaveDifferentNames(t *testing.T) {
	s := newStore(t)
	alice := register(t, s, "alice", "A").User
	bob := register(t, s, "bob", "B").User
	for _, keys := range []todevice.CrossSigningKeys{crossSigning("A", "S", "U"), crossSigning("M", "A", "U"), crossSigning("M", "S", "A")} {
		err := s.SetCrossSigningKeys(context.Background(), alice, todevice.CrossSigningKeys{}, keys)
		if got := names(keysOf(t, s, alice)); !errors.Is(err, todevice.ErrNameInUse) || got != "- - -" {
			t.Errorf("%q: %v, and the keys are %q", names(keys), err, got)
		}
	}
	set(t, s, bob, crossSigning("A", "S", "U")) // alice's device has nothing to do with that
	for _, name := range []string{"A", "S", "U"} {
		_, err := s.Login(context.Background(), "bob", todevice.Login{DeviceID: name, Token: name})
		if !errors.Is(err, todevice.ErrNameInUse) || rows(t, s, "devices") != 2 {
			t.Errorf("a device %s: %v", name, err)
		}
	}
}

// A request checks what it was sent against the keys as they are. By the time it
// writes, these may be others.
func TestSignatureThatComesTooLateIsLeftOut(t *testing.T) {
	s := newStore(t)
	device, phone := register(t, s, "alice", "A"), register(t, s, "alice", "PHONE")
	alice := device.User
	keys := identity("alice", "A", "k")
	upload(t, s, device, todevice.KeyUpload{DeviceKeys: keys})
	upload(t, s, phone, todevice.KeyUpload{DeviceKeys: identity("alice", "PHONE", "p")})
	set(t, s, alice, crossSigning("M1", "S1", "U1"))
	of := func(key json.RawMessage, g todevice.Signature) todevice.Signature {
		g.Object = key
		return g
	}
	set(t, s, alice, crossSigning("M2", "S2", "U2"))
	if err := s.DeleteDevice(context.Background(), phone.Inbox); err != nil {
		t.Fatal(err)
	}
	late := []todevice.Signature{
		of(identity("alice", "A", "other"), signature(alice, "S2", alice, "A")), // of keys the device has no more
		of(keys, signature(alice, "S1", alice, "A")),                            // by a key that was replaced
		of(crossSigningKey("M1"), signature(alice, "A", alice, "M1")),           // of one that was
		of(crossSigningKey("M2"), signature(alice, "PHONE", alice, "M2")),       // by a device that is gone
	}
	got, err := s.AddSignatures(context.Background(), append(late, of(keys, signature(alice, "S2", alice, "A"))))
	if err != nil || len(got) != len(late) || rows(t, s, "signatures") != 1 {
		t.Errorf("%d were left out, want %d, and %d kept, want 1 (%v)", len(got), len(late), rows(t, s, "signatures"), err)
	}
}
