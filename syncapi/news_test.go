package syncapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/todevice"
)

// lists gives device_lists of a response.
func (a answer) lists(t *testing.T) (changed, left []string) {
	t.Helper()
	var lists struct{ Changed, Left []string }
	if err := json.Unmarshal(a.raw["device_lists"], &lists); err != nil || lists.Changed == nil || lists.Left == nil {
		t.Fatalf("device_lists %s: %v", a.raw["device_lists"], err)
	}
	return lists.Changed, lists.Left
}

func (d *door) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func userID(localpart string) string { return "@" + localpart + ":" + here }

func (d *door) interest(localpart string, in ...string) {
	d.t.Helper()
	for _, name := range in {
		id, err := todevice.ParseUserID(name)
		d.must(err)
		d.must(d.store.NoteInterest(context.Background(), localpart, []todevice.UserID{id}))
	}
}

func (d *door) upload(device todevice.Device, upload todevice.KeyUpload) {
	d.t.Helper()
	_, err := d.store.UploadKeys(context.Background(), device.Inbox, upload)
	d.must(err)
}

func deviceKeys(device todevice.Device, n int) todevice.KeyUpload {
	return todevice.KeyUpload{DeviceKeys: json.RawMessage(fmt.Sprintf(
		`{"user_id":%q,"device_id":%q,"algorithms":[],"keys":{"ed25519:%s":"%d"},"signatures":{}}`, device.User, device.ID, device.ID, n))}
}

// What the interested and the user's own devices are told, and nobody else is.
func TestDeviceListChangesReachTheInterestedAndTheUsersOwnDevices(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(d *door, bob todevice.Device) error{
		"keys":   func(d *door, bob todevice.Device) error { d.upload(bob, deviceKeys(bob, 1)); return nil },
		"name":   func(d *door, bob todevice.Device) error { return d.store.RenameDevice(ctx, "bob", bob.ID, "Phone") },
		"login":  func(d *door, bob todevice.Device) error { d.device("bob", "NEW"); return nil },
		"logout": func(d *door, bob todevice.Device) error { return d.store.DeleteDevice(ctx, bob.Inbox+1) },
		"master": func(d *door, bob todevice.Device) error {
			return d.store.SetCrossSigningKeys(ctx, bob.User, todevice.CrossSigningKeys{}, todevice.CrossSigningKeys{Master: json.RawMessage(`{"keys":{"ed25519:m":"m"}}`)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *door) {
				bob := d.device("bob", "B")
				d.device("bob", "OLD")
				tablet, alice, carol := d.device("bob", "tablet"), d.device("alice", "A"), d.device("carol", "C")
				d.interest("alice", userID("bob"))
				since := map[todevice.Device]string{}
				for _, device := range []todevice.Device{bob, tablet, alice, carol} {
					since[device] = d.sync(t.Context(), device, "", 0).NextBatch
				}
				answers := make(map[todevice.Device]answer)
				var mu sync.Mutex
				var polls sync.WaitGroup
				for device, since := range since {
					polls.Go(func() {
						a := d.sync(t.Context(), device, since, 30*time.Second)
						mu.Lock()
						defer mu.Unlock()
						answers[device] = a
					})
				}
				time.Sleep(3 * time.Second)
				d.must(change(d, bob))
				polls.Wait()
				for _, device := range []todevice.Device{bob, tablet, alice} {
					a := answers[device]
					if changed, left := a.lists(t); a.took != 3*time.Second || !reflect.DeepEqual(changed, []string{userID("bob")}) || len(left) > 0 {
						t.Errorf("%s %s: changed %v, left %v after %v", device.User, device.ID, changed, left, a.took)
					}
					if changed, _ := d.sync(t.Context(), device, a.NextBatch, 0).lists(t); len(changed) > 0 {
						t.Errorf("%s is told twice", device.User)
					}
					if changed, _ := d.sync(t.Context(), device, since[device], 0).lists(t); len(changed) != 1 {
						t.Errorf("%s: a lost response was not repeated", device.User)
					}
				}
				if changed, _ := answers[carol].lists(t); answers[carol].took != 30*time.Second || len(changed) > 0 {
					t.Errorf("carol, who does not care: changed %v after %v", changed, answers[carol].took)
				}
			})
		})
	}
}

func TestWhatChangedNothingIsNotTold(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		alice, bob := d.device("alice", "A"), d.device("bob", "B")
		d.interest("alice", userID("bob"))
		d.upload(bob, deviceKeys(bob, 1))
		d.must(d.store.RenameDevice(t.Context(), "bob", "B", "Phone"))
		since := d.sync(t.Context(), alice, "", 0).NextBatch
		d.upload(bob, deviceKeys(bob, 1))
		d.must(d.store.RenameDevice(t.Context(), "bob", "B", "Phone"))
		d.device("bob", "B") // logs in again on a known device
		if a := d.sync(t.Context(), alice, since, time.Second); a.took != time.Second {
			changed, _ := a.lists(t)
			t.Errorf("told of %v after %v", changed, a.took)
		}
	})
}

func TestChangeOfAnotherServersUserIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		alice := d.device("alice", "A")
		d.interest("alice", "@bob:far.test")
		bob := todevice.UserID{Localpart: "bob", Server: "far.test"}
		since := d.sync(t.Context(), alice, "", 0).NextBatch
		saw := func(key string) {
			t.Helper()
			d.must(d.store.SawRemoteKeys(t.Context(), d.store.Head(), map[todevice.UserID]todevice.RemoteDeviceList{bob: {
				Devices: []todevice.DeviceKeys{{DeviceID: "B", Keys: json.RawMessage(`{"keys":{"k":"` + key + `"}}`)}}}}))
		}
		saw("1")
		a := d.sync(t.Context(), alice, since, 30*time.Second)
		if changed, _ := a.lists(t); a.took != 0 || !reflect.DeepEqual(changed, []string{"@bob:far.test"}) {
			t.Fatalf("changed %v after %v", changed, a.took)
		}
		saw("1")
		if a := d.sync(t.Context(), alice, a.NextBatch, time.Second); a.took != time.Second {
			t.Error("told although nothing changed")
		}
	})
}

func TestLostInterestIsToldAsLeftAndComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		alice, bob := d.device("alice", "A"), d.device("bob", "B")
		d.interest("alice", userID("bob"))
		since := d.sync(t.Context(), alice, "", 0).NextBatch
		time.Sleep(31 * 24 * time.Hour)
		_, err := d.store.Sweep(t.Context(), time.Now())
		d.must(err)
		d.upload(bob, deviceKeys(bob, 1))
		a := d.sync(t.Context(), alice, since, 30*time.Second)
		if changed, left := a.lists(t); len(changed) > 0 || !reflect.DeepEqual(left, []string{userID("bob")}) {
			t.Fatalf("changed %v, left %v", changed, left)
		}
		d.interest("alice", userID("bob"))
		d.upload(bob, deviceKeys(bob, 2))
		if changed, left := d.sync(t.Context(), alice, a.NextBatch, 0).lists(t); len(left) > 0 || len(changed) != 1 {
			t.Errorf("changed %v, left %v", changed, left)
		}
	})
}

func TestKeyCountsAreInEveryResponseAsTheyAreThen(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		ctx, bob := t.Context(), d.device("bob", "B")
		want := func(a answer, count, fallback string) string {
			t.Helper()
			if got := string(a.raw["device_one_time_keys_count"]); got != count {
				t.Errorf("counts %s, want %s", got, count)
			}
			for _, name := range []string{"device_unused_fallback_key_types", "org.matrix.msc2732.device_unused_fallback_key_types"} {
				if got := string(a.raw[name]); got != fallback {
					t.Errorf("%s is %s, want %s", name, got, fallback)
				}
			}
			return a.NextBatch
		}
		since := want(d.sync(ctx, bob, "", 0), `{"signed_curve25519":0}`, `[]`)
		upload := todevice.KeyUpload{FallbackKeys: []todevice.OneTimeKey{{Algorithm: "signed_curve25519", ID: "F", Key: json.RawMessage(`{"key":"f"}`)}}}
		for i := range 4 {
			upload.OneTimeKeys = append(upload.OneTimeKeys, todevice.OneTimeKey{
				Algorithm: "signed_curve25519", ID: fmt.Sprint(i), Key: json.RawMessage(fmt.Sprintf(`{"key":"%d"}`, i))})
		}
		d.upload(bob, upload)
		since = want(d.sync(ctx, bob, since, 0), `{"signed_curve25519":4}`, `["signed_curve25519"]`)
		for left := 3; left >= -1; left-- {
			claimed, err := d.store.ClaimKeys(ctx, []todevice.KeyClaim{{Localpart: "bob", DeviceID: "B", Algorithm: "signed_curve25519"}})
			d.must(err)
			if len(claimed) != 1 {
				t.Fatalf("claimed %d", len(claimed))
			}
			fallback := `["signed_curve25519"]`
			if left < 0 {
				fallback = `[]`
			}
			since = want(d.sync(ctx, bob, since, 0), fmt.Sprintf(`{"signed_curve25519":%d}`, max(left, 0)), fallback)
		}
	})
}

func TestPollEndsWhenTheKeysRunOut(t *testing.T) {
	inBubble(t, func(t *testing.T, d *door) {
		bob := d.device("bob", "B")
		d.upload(bob, todevice.KeyUpload{OneTimeKeys: []todevice.OneTimeKey{{Algorithm: "signed_curve25519", ID: "1", Key: json.RawMessage(`"k"`)}}})
		since := d.sync(t.Context(), bob, "", 0).NextBatch
		var a answer
		var poll sync.WaitGroup
		poll.Go(func() { a = d.sync(t.Context(), bob, since, 30*time.Second) })
		synctest.Wait()
		d.notifier.Wake(bob.Inbox) // for nothing
		time.Sleep(time.Second)
		_, err := d.store.ClaimKeys(t.Context(), []todevice.KeyClaim{{Localpart: "bob", DeviceID: "B", Algorithm: "signed_curve25519"}})
		d.must(err)
		d.notifier.Wake(bob.Inbox)
		poll.Wait()
		if a.took != time.Second || string(a.raw["device_one_time_keys_count"]) != `{"signed_curve25519":0}` {
			t.Errorf("after %v: %s", a.took, a.raw["device_one_time_keys_count"])
		}
	})
}

// keysChanges asks GET /keys/changes.
func (d *door) keysChanges(device todevice.Device, from, to string) answer {
	d.t.Helper()
	r := httptest.NewRequest("GET", "/_matrix/client/v3/keys/changes?"+url.Values{"from": {from}, "to": {to}}.Encode(), nil)
	r.Header.Set("Authorization", "Bearer "+device.User.Localpart+"/"+device.ID)
	w := httptest.NewRecorder()
	matrixspec.Checked(d.t, d.handler).ServeHTTP(w, r)
	a := answer{status: w.Code}
	_ = json.Unmarshal(w.Body.Bytes(), &a)
	a.raw = map[string]json.RawMessage{"device_lists": w.Body.Bytes()}
	return a
}

func TestKeysChangesTellsWhatSyncTold(t *testing.T) {
	d := newDoor(t)
	defer d.close()
	alice, bob, carol := d.device("alice", "A"), d.device("bob", "B"), d.device("carol", "C")
	d.interest("alice", userID("bob"), userID("carol"), "@x:far.test")
	from := d.sync(t.Context(), alice, "", 0).NextBatch
	d.upload(bob, deviceKeys(bob, 1))
	d.upload(carol, deviceKeys(carol, 1))
	told, _ := d.sync(t.Context(), alice, from, 0).lists(t)
	to := d.sync(t.Context(), alice, from, 0).NextBatch
	for name, c := range map[string]struct {
		from, to string
		want     []string
	}{
		"as sync did":    {from, to, told},
		"to the present": {from, "", told},
		"nothing since":  {to, to, []string{}},
		// A token that means nothing here: everything may have changed.
		"another device's": {d.sync(t.Context(), bob, "", 0).NextBatch, to, []string{userID("alice"), userID("bob"), userID("carol")}},
	} {
		a := d.keysChanges(alice, c.from, c.to)
		if changed, left := a.lists(t); a.status != 200 || !reflect.DeepEqual(changed, c.want) || len(left) > 0 {
			t.Errorf("%s: %d, changed %v, left %v, want %v", name, a.status, changed, left, c.want)
		}
	}
	for _, bad := range [][2]string{{"nonsense", to}, {from, "nonsense"}} {
		if a := d.keysChanges(alice, bad[0], bad[1]); a.status != 400 || a.Errcode != "M_INVALID_PARAM" {
			t.Errorf("%v: %d %s", bad, a.status, a.Errcode)
		}
	}
	if a := d.keysChanges(alice, "", to); a.status != 400 || a.Errcode != "M_MISSING_PARAM" {
		t.Errorf("no from: %d %s", a.status, a.Errcode)
	}
}
