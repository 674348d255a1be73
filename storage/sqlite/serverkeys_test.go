package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func TestKeysOfAServerOutliveAnAnswerWithoutThem(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "chappe.db")
	store := open(t, path, Options{})
	at := time.UnixMilli(1_700_000_000_000)
	keep := func(object string, old bool, ids ...gomatrixserverlib.KeyID) {
		t.Helper()
		var keys []todevice.ServerKey
		for _, id := range ids {
			keys = append(keys, todevice.ServerKey{Server: "a.test", ID: id, Public: []byte(id), ValidUntil: at.Add(time.Hour), Fetched: at, Old: old})
		}
		if err := store.StoreServerKeys(ctx, "a.test", json.RawMessage(object), keys); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Minute)
	}
	keep(`{"n":1}`, false, "ed25519:1", "ed25519:2")
	keep(`{"n":2}`, false, "ed25519:2")
	keep(`{"n":3}`, false, "ed25519:3")
	keep(`{"n":4}`, true, "ed25519:2") // the object n 2 has no key any more
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = open(t, path, Options{})

	keys, err := store.ServerKeys(ctx, "a.test")
	if err != nil || len(keys) != 3 {
		t.Fatalf("got %v, %v; want 3 keys", keys, err)
	}
	for _, key := range keys {
		if key.Old != (key.ID == "ed25519:2") || string(key.Public) != string(key.ID) || key.Server != "a.test" {
			t.Errorf("got %+v", key)
		}
	}
	objects, err := store.ServerKeyObjects(ctx, "a.test")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, object := range objects {
		got = append(got, fmt.Sprint(string(object.JSON), object.Keys))
	}
	if want := []string{`{"n":4}[ed25519:2]`, `{"n":3}[ed25519:3]`, `{"n":1}[ed25519:1]`}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	var stored int
	if err := store.readers.QueryRow(`SELECT count(*) FROM server_key_objects`).Scan(&stored); err != nil || stored != 3 {
		t.Errorf("%d objects stored, %v; want those with a key, 3", stored, err)
	}
	if others, err := store.ServerKeyObjects(ctx, "b.test"); err != nil || len(others) != 0 {
		t.Errorf("another server has %v, %v", others, err)
	}
}

func TestServerWithEndlessKeysFillsNoDisk(t *testing.T) {
	ctx := context.Background()
	store := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{})
	at := time.UnixMilli(1_700_000_000_000)
	for i := range 3 * maxServerKeys {
		key := todevice.ServerKey{ID: gomatrixserverlib.KeyID(fmt.Sprint("ed25519:", i)), Public: []byte("k"), Fetched: at.Add(time.Duration(i) * time.Minute)}
		if err := store.StoreServerKeys(ctx, "a.test", json.RawMessage(`{}`), []todevice.ServerKey{key}); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := store.ServerKeys(ctx, "a.test")
	if err != nil || len(keys) != maxServerKeys {
		t.Fatalf("%d keys kept, %v; want %d", len(keys), err, maxServerKeys)
	}
	newest := gomatrixserverlib.KeyID(fmt.Sprint("ed25519:", 3*maxServerKeys-1))
	if !slices.ContainsFunc(keys, func(k todevice.ServerKey) bool { return k.ID == newest }) {
		t.Error("the newest key is not among them")
	}
	if objects, err := store.ServerKeyObjects(ctx, "a.test"); err != nil || len(objects) != maxServerKeys {
		t.Errorf("%d objects kept, %v; want %d", len(objects), err, maxServerKeys)
	}
}

func TestServersAreListedByWhenTheyWereHeardOf(t *testing.T) {
	ctx := context.Background()
	store := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{})
	at := time.UnixMilli(1_700_000_000_000)
	for i, server := range []spec.ServerName{"old.test", "a.test", "b.test", "c.test"} {
		for _, id := range []gomatrixserverlib.KeyID{"ed25519:1", "ed25519:2"} {
			fetched := at.Add(time.Duration(i) * time.Hour)
			keys := []todevice.ServerKey{{Server: server, ID: id, Public: []byte(id), ValidUntil: fetched.Add(time.Hour), Fetched: fetched}}
			if err := store.StoreServerKeys(ctx, server, json.RawMessage(`{}`), keys); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := store.ServersHeardOf(ctx, at, 2)
	if want := []spec.ServerName{"c.test", "b.test"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := store.ServersHeardOf(ctx, at, 100); err != nil || len(got) != 3 {
		t.Errorf("got %v, %v; want all but the old one", got, err)
	}
}
