package clientapi_test

import (
	"net/http"
	"slices"
	"strings"
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

func TestDeviceIsRenamedByItsOwnerOnly(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A1"), d.register("bob", "B1")
	for _, c := range []struct {
		name, path string
		who        client
		body       string
		status     int
		errcode    string
		want       any
	}{
		{"a name", "A1", alice, `{"display_name":"Phone"}`, 200, "", "Phone"},
		{"no name", "A1", alice, `{}`, 200, "", "Phone"},
		{"the longest name", "A1", alice, `{"display_name":"` + strings.Repeat("é", 100) + `"}`, 200, "", strings.Repeat("é", 100)},
		{"a longer name", "A1", alice, `{"display_name":"` + strings.Repeat("é", 101) + `"}`, 400, "M_INVALID_PARAM", strings.Repeat("é", 100)},
		{"a number", "A1", alice, `{"display_name":1}`, 400, "M_BAD_JSON", strings.Repeat("é", 100)},
		{"another user's device", "A1", bob, `{"display_name":"x"}`, 404, "M_NOT_FOUND", strings.Repeat("é", 100)},
		{"an unknown device", "NEW", alice, `{"display_name":"x"}`, 404, "M_NOT_FOUND", strings.Repeat("é", 100)},
		{"an unknown device, unchanged", "NEW", alice, `{}`, 404, "M_NOT_FOUND", strings.Repeat("é", 100)},
		{"none at all", "A1", alice, `{"display_name":""}`, 200, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.want(d.do(http.MethodPut, "/_matrix/client/v3/devices/"+c.path, c.who.token, c.body), c.status, c.errcode)
			if got := d.want(d.get("devices/A1", alice.token), http.StatusOK, "").body["display_name"]; got != c.want {
				t.Errorf("the device is named %v, want %v", got, c.want)
			}
		})
	}
}
