package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// identity makes the device keys of a device with one signature of its own.
func identity(localpart, deviceID, key string) json.RawMessage {
	return fmt.Appendf(nil, `{"algorithms":["a"],"device_id":%q,"keys":{"ed25519:%s":%q},"signatures":{"@%s:%s":{"ed25519:%s":"own"}},"user_id":"@%s:%s"}`,
		deviceID, deviceID, key, localpart, here, deviceID, localpart, here)
}

func query(t testing.TB, s *Store, viewer todevice.UserID, localpart string, devices ...string) todevice.UserKeys {
	t.Helper()
	got, err := s.QueryKeys(context.Background(), viewer, []todevice.KeyQuery{{Localpart: localpart, DeviceIDs: devices}})
	if err != nil {
		t.Fatal(err)
	}
	return got[localpart]
}

func deviceList(t testing.TB, s *Store, localpart string) todevice.UserKeys {
	t.Helper()
	list, err := s.DeviceList(context.Background(), localpart)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func deviceIDs(keys todevice.UserKeys) (ids []string) {
	for _, d := range keys.Devices {
		ids = append(ids, d.DeviceID)
	}
	return ids
}

func TestKeysAreGivenAsTheyWereUploaded(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	register(t, s, "alice", "without keys")
	register(t, s, "bob", "B")
	keys := json.RawMessage(`{"user_id":"@alice:here.test","n":9007199254740993,"signatures":{"@alice:here.test":{"ed25519:A":"own"}}}`)
	upload(t, s, d, todevice.KeyUpload{DeviceKeys: keys})
	got := query(t, s, d.User, "alice")
	if len(got.Devices) != 1 || string(got.Devices[0].Keys) != string(keys) {
		t.Errorf("got %s, want %s", got.Devices, keys)
	}
	all, err := s.QueryKeys(context.Background(), d.User, []todevice.KeyQuery{{Localpart: "nobody"}, {Localpart: "bob"}})
	if _, known := all["nobody"]; err != nil || known || len(all) != 1 || len(all["bob"].Devices) != 0 {
		t.Errorf("got %v %v, want bob alone, who has no keys", all, err)
	}
}

func TestQueryForDevicesGivesThoseOnly(t *testing.T) {
	s := newStore(t)
	for _, id := range []string{"A", "B", "C"} {
		upload(t, s, register(t, s, "alice", id), todevice.KeyUpload{DeviceKeys: identity("alice", id, "k")})
	}
	got := query(t, s, todevice.UserID{}, "alice", "C", "A", "unknown")
	if ids := deviceIDs(got); !slices.Equal(ids, []string{"A", "C"}) {
		t.Errorf("got %q", ids)
	}
}

func TestOnlyWhatChangesIsAChange(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	d := register(t, s, "alice", "A")
	latest := deviceList(t, s, "alice").StreamID
	for _, step := range []struct {
		name    string
		changes bool
		do      func() error
	}{
		{"keys", true, func() error { upload(t, s, d, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")}); return nil }},
		{"the same keys", false, func() error { upload(t, s, d, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")}); return nil }},
		{"other keys", true, func() error { upload(t, s, d, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "l")}); return nil }},
		{"one-time keys", false, func() error {
			upload(t, s, d, todevice.KeyUpload{OneTimeKeys: oneTimes("1"), FallbackKeys: oneTimes("F")})
			return nil
		}},
		{"a claim", false, func() error { claim(t, s, d); return nil }},
		{"a name", true, func() error { return s.RenameDevice(ctx, "alice", "A", "Phone") }},
		{"the same name", false, func() error { return s.RenameDevice(ctx, "alice", "A", "Phone") }},
		{"a login on the device", false, func() error { register(t, s, "alice", "A"); return nil }},
		{"a login on a new device", true, func() error { register(t, s, "alice", "B"); return nil }},
		{"another user", false, func() error { register(t, s, "bob", "B"); return nil }},
		{"the device of an RTM user", true, func() error { _, err := s.EnsureDevice(ctx, "alice", "RTM"); return err }},
		{"the end of a device", true, func() error { return s.DeleteDevice(ctx, d.Inbox) }},
		{"its end once more", false, func() error { return s.DeleteDevice(ctx, d.Inbox) }},
		{"the end of all", true, func() error { _, err := s.DeleteDevices(ctx, "alice"); return err }},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		now := deviceList(t, s, "alice").StreamID
		if (now > latest) != step.changes || now > s.Head() {
			t.Errorf("%s: the stream went from %d to %d, the head is %d", step.name, latest, now, s.Head())
		}
		latest = now
	}
	var gone int
	if err := s.readers.QueryRow(`SELECT count(*) FROM device_changes WHERE localpart = 'alice' AND deleted`).Scan(&gone); err != nil || gone != 3 {
		t.Errorf("%d devices are said to be deleted, want 3 (%v)", gone, err)
	}
}

func TestUnknownDeviceAndUserAreSaid(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	d := register(t, s, "alice", "A")
	if err := s.DeleteDevice(ctx, d.Inbox); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UploadKeys(ctx, d.Inbox, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")}); !errors.Is(err, todevice.ErrUnknownDevice) {
		t.Errorf("upload: %v", err)
	}
	if err := s.RenameDevice(ctx, "alice", "A", "x"); !errors.Is(err, todevice.ErrUnknownDevice) {
		t.Errorf("rename: %v", err)
	}
	if _, err := s.DeviceList(ctx, "nobody"); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("device list: %v", err)
	}
	if rows(t, s, "device_keys") != 0 {
		t.Error("a deleted device has keys again")
	}
}

func TestUnsignedIsNotKept(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{DeviceKeys: json.RawMessage(`{"signatures":{},"unsigned":{"device_display_name":"forged"}}`)})
	if got := query(t, s, d.User, "alice").Devices[0].Keys; string(got) != `{"signatures":{}}` {
		t.Errorf("got %s", got)
	}
}

// Under one stream ID there must never be two lists: whoever has it would not ask
// again.
func TestStreamIDIsThatOfTheListItComesWith(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "alice", "A")
	upload(t, s, d, todevice.KeyUpload{DeviceKeys: identity("alice", "A", "k")})
	var done sync.WaitGroup
	done.Go(func() {
		for n := range 300 {
			if err := s.RenameDevice(context.Background(), "alice", "A", fmt.Sprint(n)); err != nil {
				t.Error(err)
			}
		}
	})
	names := make(map[todevice.Position]string)
	for name := ""; name != "299" && !t.Failed(); {
		list := deviceList(t, s, "alice")
		name = list.Devices[0].DisplayName
		if other, seen := names[list.StreamID]; seen && other != name {
			t.Errorf("under stream ID %d the device is %q and %q", list.StreamID, other, name)
		}
		names[list.StreamID] = name
	}
	done.Wait()
}

// tablesWith lists the tables that have a column of the name.
func tablesWith(t testing.TB, s *Store, column string) []string {
	t.Helper()
	tables, err := collectStrings(s, `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name = '`+column+`'`)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// fill gives a device a row in every table that can have one of it.
func fill(t testing.TB, s *Store, d, sender todevice.Device) {
	t.Helper()
	ctx := context.Background()
	login := todevice.Login{DeviceID: d.ID, Token: d.User.Localpart + "/" + d.ID, RefreshToken: d.User.Localpart + "/" + d.ID + "/refresh"}
	if _, err := s.Login(ctx, d.User.Localpart, login); err != nil {
		t.Fatal(err)
	}
	accept(t, s, todevice.Batch{
		Source: todevice.Source{Client: d.Inbox, Request: "r"},
		Sends:  []todevice.Send{to(1, [2]string{d.User.Localpart, d.ID})},
	})
	upload(t, s, d, todevice.KeyUpload{
		DeviceKeys:   identity(d.User.Localpart, d.ID, "k"),
		OneTimeKeys:  oneTimes("1", "2"),
		FallbackKeys: oneTimes("F"),
	})
	claim(t, s, d)
	set(t, s, d.User, crossSigning("M", "S", "U"))
	if err := s.SetPusher(ctx, d.Inbox, todevice.Pusher{AppID: "app", PushKey: "of " + d.User.Localpart + d.ID, JSON: json.RawMessage(`{}`)}, false); err != nil {
		t.Fatal(err)
	}
	sign(t, s, signature(d.User, "S", d.User, d.ID), signature(d.User, d.ID, d.User, "M"))
}

func TestDevicesOfTwoUsersUnderOneNameAreStrangers(t *testing.T) {
	s := newStore(t)
	alice, bob := register(t, s, "alice", "D"), register(t, s, "bob", "D")
	upload(t, s, alice, todevice.KeyUpload{DeviceKeys: identity("alice", "D", "k"), OneTimeKeys: oneTimes("A")})
	upload(t, s, bob, todevice.KeyUpload{DeviceKeys: identity("bob", "D", "k"), OneTimeKeys: oneTimes("A", "B")})
	if err := s.DeleteDevice(context.Background(), alice.Inbox); err != nil {
		t.Fatal(err)
	}
	if left(t, s, bob) != 2 || !strings.Contains(string(query(t, s, bob.User, "bob").Devices[0].Keys), "@bob:") {
		t.Error("bob's device has lost something")
	}
}

// Whatever a device has under way while it is deleted is refused, or goes with it.
func TestRequestsUnderWayBringNothingBackOfADeletedDevice(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	alice := register(t, s, "alice", "A")
	set(t, s, alice.User, crossSigning("M", "S", "U"))
	for round := range 20 {
		d := register(t, s, "alice", "D")
		keys := identity("alice", "D", "k")
		upload(t, s, d, todevice.KeyUpload{DeviceKeys: keys, OneTimeKeys: oneTimes("1", "2"), FallbackKeys: oneTimes("F")})
		byDevice, onDevice := signature(d.User, "D", d.User, "M"), signature(d.User, "S", d.User, "D")
		byDevice.Object, onDevice.Object = crossSigningKey("M"), keys
		requests := []func() error{
			func() error { return s.DeleteDevice(ctx, d.Inbox) },
			func() error {
				_, err := s.UploadKeys(ctx, d.Inbox, todevice.KeyUpload{DeviceKeys: identity("alice", "D", "l"), OneTimeKeys: oneTimes("3"), FallbackKeys: oneTimes("G")})
				return err
			},
			func() error { _, err := s.ClaimKeys(ctx, []todevice.KeyClaim{claimOf(d), claimOf(d)}); return err },
			func() error { _, err := s.AddSignatures(ctx, []todevice.Signature{byDevice}); return err },
			func() error { _, err := s.AddSignatures(ctx, []todevice.Signature{onDevice}); return err },
		}
		var done sync.WaitGroup
		for i := range requests {
			done.Go(func() {
				if err := requests[(i+round)%len(requests)](); err != nil && !errors.Is(err, todevice.ErrUnknownDevice) {
					t.Error(err)
				}
			})
		}
		done.Wait()
		for _, table := range []string{"device_keys", "one_time_keys", "one_time_key_counts", "claimed_keys", "fallback_keys"} {
			if n := rows(t, s, table+` WHERE inbox = `+itoa(d.Inbox)); n != 0 {
				t.Errorf("%s has %d rows of the device", table, n)
			}
		}
		if n := rows(t, s, "signatures"); n != 0 {
			t.Errorf("%d signatures on the device or by it are left", n)
		}
	}
}
