package clientapi_test

import (
	"net/http"
	"slices"
	"testing"
)

func TestDevicesHaveAllFourKeys(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.register("bob", "B1")
	if _, err := d.store.EnsureDevice(t.Context(), "alice", "RTM"); err != nil {
		t.Fatal(err)
	}
	list, _ := d.want(d.get("devices", alice.token), http.StatusOK, "").body["devices"].([]any)
	var ids []string
	for _, entry := range list {
		device := entry.(map[string]any)
		want := []string{"device_id", "display_name", "last_seen_ip", "last_seen_ts"}
		if got := keys(device); !slices.Equal(got, want) {
			t.Errorf("keys %q", got)
		}
		if device["display_name"] != nil {
			t.Errorf("a device without a name has the name %v", device["display_name"])
		}
		ids = append(ids, device["device_id"].(string))
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{"A1", "RTM"}) {
		t.Errorf("devices %q", ids)
	}
}

func TestDeviceIsShownToItsOwnerOnly(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	got := d.want(d.get("devices/A1", alice.token), http.StatusOK, "")
	if seen, _ := got.body["last_seen_ts"].(float64); got.text("device_id") != "A1" || seen < 1e12 {
		t.Errorf("got %s", got.raw)
	}
	d.want(d.get("devices/A1", bob.token), http.StatusNotFound, "M_NOT_FOUND")
}

func TestWhoamiTellsUserAndDevice(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	got := d.want(d.get("account/whoami", alice.token), http.StatusOK, "")
	if got.raw != `{"user_id":"@alice:chappe.test","device_id":"A1","is_guest":false}` {
		t.Errorf("got %s", got.raw)
	}
}
