package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// device gives the keys of a device of a user of there.test.
func device(localpart, id, key string) todevice.DeviceKeys {
	return todevice.DeviceKeys{DeviceID: id, Keys: json.RawMessage(fmt.Sprintf(
		`{"device_id":%q,"keys":{"ed25519:%s":%q},"user_id":"@%s:there.test"}`, id, id, key, localpart))}
}

// update gives a batch in which there.test tells of a device, with its stream ID for
// its key.
func update(localpart, id string, stream int64, prev ...int64) todevice.Batch {
	d := device(localpart, id, fmt.Sprint(stream))
	return todevice.Batch{DeviceLists: []todevice.DeviceListUpdate{{
		User: user(localpart, there), DeviceID: id, StreamID: stream, PrevIDs: prev, Keys: d.Keys,
	}}}
}

// settle has the list of a stale user be answered.
func settle(t testing.TB, s *Store, localpart string, stream int64, devices ...todevice.DeviceKeys) {
	t.Helper()
	stale, err := s.StaleUsers(context.Background(), there, "")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(stale, func(u todevice.StaleUser) bool { return u.User.Localpart == localpart })
	if i < 0 {
		t.Fatalf("%s is not stale", localpart)
	}
	if err := s.SetRemoteDeviceList(context.Background(), stale[i], todevice.RemoteDeviceList{StreamID: stream, Devices: devices}); err != nil {
		t.Fatal(err)
	}
}

// known writes down what is known of a user of there.test: "stream: D=key …", and
// "stale" before that if it is.
func known(t testing.TB, s *Store, localpart string) string {
	t.Helper()
	list, complete, err := s.RemoteDeviceList(context.Background(), user(localpart, there))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%d:", list.StreamID)
	if !complete {
		text = "stale " + text
	}
	for _, d := range list.Devices {
		var object struct{ Keys map[string]string }
		if err := json.Unmarshal(d.Keys, &object); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf(" %s=%s%s", d.DeviceID, object.Keys["ed25519:"+d.DeviceID], d.DisplayName)
	}
	return text
}

// announced gives the position at which those interested last heard of a user, 0 if
// they never did.
func announced(t testing.TB, s *Store, localpart string) (at todevice.Position) {
	t.Helper()
	err := s.readers.QueryRow(`SELECT coalesce(max(position), 0) FROM remote_device_changes WHERE user_id = ?`,
		user(localpart, there).String()).Scan(&at)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// newFollower gives a store in which somebody is interested in @far:there.test, of
// whom device D is known as of stream ID 10.
func newFollower(t testing.TB) *Store {
	s := newStore(t)
	follow(t, s)
	return s
}

func follow(t testing.TB, s *Store) {
	t.Helper()
	register(t, s, "alice", "A")
	if err := s.NoteInterest(context.Background(), "alice", []todevice.UserID{user("far", there)}); err != nil {
		t.Fatal(err)
	}
	accept(t, s, update("far", "D", 9))
	settle(t, s, "far", 10, device("far", "D", "10"))
}

func TestUpdatesAreAppliedOnlyWhereTheyFollow(t *testing.T) {
	deleted := update("far", "D", 11, 10)
	deleted.DeviceLists[0].Deleted = true
	withoutKeys := update("far", "D", 11, 10)
	withoutKeys.DeviceLists[0].Keys = nil
	named := update("far", "D", 11, 10)
	named.DeviceLists[0].DisplayName = "Phone"
	for _, c := range []struct {
		name  string
		b     todevice.Batch
		want  string
		stale bool // the origin must be asked
		told  bool // those interested hear of it
	}{
		{"next", update("far", "D", 11, 10), "11: D=11", false, true},
		{"of an earlier one", update("far", "D", 11, 7), "11: D=11", false, true},
		{"another device", update("far", "E", 11, 10), "11: D=10 E=11", false, true},
		{"two in order", todevice.Batch{DeviceLists: slices.Concat(update("far", "D", 11, 10).DeviceLists, update("far", "D", 12, 11).DeviceLists)},
			"12: D=12", false, true},
		{"named", named, "11: D=11Phone", false, true},
		{"deleted", deleted, "11:", false, true},
		{"without keys", withoutKeys, "11:", false, true},
		{"of one that is not known", update("far", "D", 12, 11), "stale 10: D=10", true, false},
		{"of one that is and one that is not", update("far", "D", 12, 10, 11), "stale 10: D=10", true, false},
		{"of none", update("far", "D", 12), "stale 10: D=10", true, false},
		{"older", update("far", "D", 8, 7), "10: D=10", false, false},
		{"older, of none", update("far", "D", 8), "10: D=10", false, false},
		{"the same", update("far", "D", 10, 9), "10: D=10", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFollower(t)
			before := announced(t, s, "far")
			if accepted := accept(t, s, c.b); accepted.StaleDeviceLists != c.stale {
				t.Errorf("the server must be asked: %v, want %v", accepted.StaleDeviceLists, c.stale)
			}
			if got := known(t, s, "far"); got != c.want {
				t.Errorf("known is %q, want %q", got, c.want)
			}
			if told := announced(t, s, "far") > before; told != c.told {
				t.Errorf("announced: %v, want %v", told, c.told)
			}
		})
	}
}

func TestListMarkedWhileItIsAskedForStaysStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	follow(t, s)
	ctx := context.Background()
	accept(t, s, update("far", "D", 13, 12))
	stale, err := s.StaleUsers(ctx, there, "")
	if err != nil || len(stale) != 1 {
		t.Fatalf("stale users %v, %v", stale, err)
	}
	accept(t, s, update("far", "D", 15, 14)) // the answer is under way
	list := todevice.RemoteDeviceList{StreamID: 13, Devices: []todevice.DeviceKeys{device("far", "D", "13")}}
	if err := s.SetRemoteDeviceList(ctx, stale[0], list); err != nil {
		t.Fatal(err)
	}
	if got, want := known(t, s, "far"), "stale 13: D=13"; got != want {
		t.Errorf("known is %q, want %q", got, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if servers, err := s.StaleServers(ctx); err != nil || !slices.Equal(servers, []spec.ServerName{there}) {
		t.Errorf("after a restart the stale servers are %v, %v", servers, err)
	}
	settle(t, s, "far", 15, device("far", "D", "15"))
	if got, want := known(t, s, "far"), "15: D=15"; got != want {
		t.Errorf("known is %q, want %q", got, want)
	}
	if servers, err := s.StaleServers(ctx); err != nil || len(servers) != 0 {
		t.Errorf("in the end the stale servers are %v, %v", servers, err)
	}
}

func TestAnsweredListReplacesWhatWasKnown(t *testing.T) {
	s := newFollower(t)
	for _, step := range []struct {
		name    string
		devices []todevice.DeviceKeys
		want    string
		told    bool
	}{
		{"one more", []todevice.DeviceKeys{device("far", "D", "10"), device("far", "E", "e")}, "20: D=10 E=e", true},
		{"no difference", []todevice.DeviceKeys{device("far", "E", "e"), device("far", "D", "10")}, "20: D=10 E=e", false},
		{"one less", []todevice.DeviceKeys{device("far", "E", "e")}, "20: E=e", true},
		{"another key", []todevice.DeviceKeys{device("far", "E", "f")}, "20: E=f", true},
		{"none", nil, "20:", true},
		{"none again", nil, "20:", false},
	} {
		accept(t, s, update("far", "X", 99, 98)) // it is stale
		before := announced(t, s, "far")
		settle(t, s, "far", 20, step.devices...)
		if got := known(t, s, "far"); got != step.want {
			t.Errorf("%s: known is %q, want %q", step.name, got, step.want)
		}
		if told := announced(t, s, "far") > before; told != step.told {
			t.Errorf("%s: announced: %v, want %v", step.name, told, step.told)
		}
	}
}

func TestWhatConcernsNobodyIsNotStored(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	b := update("far", "D", 1)
	b.SigningKeys = []todevice.SigningKeyUpdate{{User: user("far", there), Master: json.RawMessage(`{"keys":{"ed25519:M":"M"}}`)}}
	if accepted := accept(t, s, b); accepted.StaleDeviceLists {
		t.Error("the server would be asked")
	}
	saw := map[todevice.UserID]todevice.RemoteDeviceList{user("far", there): {Devices: []todevice.DeviceKeys{device("far", "D", "k")}}}
	if err := s.SawRemoteKeys(context.Background(), s.Head(), saw); err != nil {
		t.Fatal(err)
	}
	stranger := todevice.StaleUser{User: user("far", there), Mark: 1} // forgotten while it was asked for
	if err := s.SetRemoteDeviceList(context.Background(), stranger, saw[stranger.User]); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"remote_device_lists", "remote_devices", "remote_device_changes", "cross_signing_keys"} {
		if n := rows(t, s, table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}

func TestSigningKeysAreKeptAndAnnouncedOnce(t *testing.T) {
	s := newFollower(t)
	key := func(name, rest string) json.RawMessage {
		return json.RawMessage(`{"keys":{"ed25519:` + name + `":"` + name + `"}` + rest + `}`)
	}
	for _, step := range []struct {
		name                string
		master, selfSigning json.RawMessage
		want                string
		told                bool
	}{
		{"first", key("M", ""), key("S", ""), "M S", true},
		{"the same", key("M", ""), key("S", ""), "M S", false},
		{"the same in another form", key("M", " "), key("S", " "), "M S", false},
		{"signed", key("M", `,"signatures":{}`), nil, "M S", true},
		{"replaced", key("N", ""), nil, "N ", true},
	} {
		before := announced(t, s, "far")
		accept(t, s, todevice.Batch{SigningKeys: []todevice.SigningKeyUpdate{{User: user("far", there), Master: step.master, SelfSigning: step.selfSigning}}})
		list, _, err := s.RemoteDeviceList(context.Background(), user("far", there))
		if got := todevice.PublicKey(list.Master) + " " + todevice.PublicKey(list.SelfSigning); err != nil || got != step.want {
			t.Errorf("%s: keys %q, %v; want %q", step.name, got, err, step.want)
		}
		if told := announced(t, s, "far") > before; told != step.told {
			t.Errorf("%s: announced: %v, want %v", step.name, told, step.told)
		}
	}
}

func TestAnswerOfAQueryIsKeptWhereItDiffers(t *testing.T) {
	s, driver := newFaultyStore(t)
	follow(t, s)
	spaced := device("far", "D", "10")
	spaced.Keys = json.RawMessage(strings.ReplaceAll(`{ "user_id":"@far:there.test", "keys":{"ed25519:D":"10"}, "device_id":"D" }`, ", ", ",\n"))
	named := device("far", "D", "10")
	named.DisplayName = "Phone"
	for _, step := range []struct {
		name    string
		devices []todevice.DeviceKeys
		want    string
		differs bool
	}{
		{"the same", []todevice.DeviceKeys{device("far", "D", "10")}, "10: D=10", false},
		{"the same in another form", []todevice.DeviceKeys{spaced}, "10: D=10", false},
		{"named", []todevice.DeviceKeys{named}, "10: D=10Phone", true},
		{"another device", []todevice.DeviceKeys{device("far", "E", "1")}, "10: E=1", true},
		{"none", nil, "10:", true},
		{"none again", nil, "10:", false},
	} {
		before, commits := announced(t, s, "far"), driver.Commits()
		saw := map[todevice.UserID]todevice.RemoteDeviceList{user("far", there): {Devices: step.devices}}
		if err := s.SawRemoteKeys(context.Background(), s.Head(), saw); err != nil {
			t.Fatal(err)
		}
		if got := known(t, s, "far"); got != step.want {
			t.Errorf("%s: known is %q, want %q", step.name, got, step.want)
		}
		if told, wrote := announced(t, s, "far") > before, driver.Commits() > commits; told != step.differs || wrote != step.differs {
			t.Errorf("%s: announced: %v, written: %v; want %v", step.name, told, wrote, step.differs)
		}
	}
}

func TestOldAnswerOfAQueryUndoesNoUpdate(t *testing.T) {
	s := newFollower(t)
	asked := s.Head()
	accept(t, s, update("far", "D", 11, 10)) // while the answer is under way
	old := map[todevice.UserID]todevice.RemoteDeviceList{user("far", there): {Devices: []todevice.DeviceKeys{device("far", "D", "10")}}}
	if err := s.SawRemoteKeys(context.Background(), asked, old); err != nil {
		t.Fatal(err)
	}
	if got, want := known(t, s, "far"), "11: D=11"; got != want {
		t.Errorf("known is %q, want %q", got, want)
	}
}
