package server

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// Alice of one server sends to Bob of another. From then on her server knows of each
// change of his devices.
func TestDeviceListFollowsTheUsersServer(t *testing.T) {
	n := &internet{servers: make(map[string]http.Handler)}
	a, b := n.join(t, "a.test", nil), n.join(t, "b.test", nil)
	alice, bob := a.register("alice"), b.register("bob")
	a.sendToBob(alice)
	for until := time.Now().Add(10 * time.Second); len(b.waiting(bob)) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the message did not come")
		}
	}
	user := todevice.UserID{Localpart: "bob", Server: "b.test"}
	await := func(what string, holds func(todevice.RemoteDeviceList) bool) {
		t.Helper()
		for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			list, complete, err := a.server.store.RemoteDeviceList(context.Background(), user)
			if err != nil {
				t.Fatal(err)
			}
			if complete && holds(list) {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s: known are %d devices (complete: %v)", what, len(list.Devices), complete)
			}
		}
	}
	b.post("keys/upload", bob, `{"device_keys":{"user_id":"@bob:b.test","device_id":"D","algorithms":["m.olm"],`+
		`"keys":{"ed25519:D":"k"},"signatures":{"@bob:b.test":{"ed25519:D":"sig"}}}}`)
	await("keys", func(l todevice.RemoteDeviceList) bool { return len(l.Devices) == 1 })
	if status, answer := b.do("PUT", "/_matrix/client/v3/devices/D", bob, `{"display_name":"Phone"}`); status != 200 {
		t.Fatalf("rename: %d %v", status, answer)
	}
	await("name", func(l todevice.RemoteDeviceList) bool {
		return len(l.Devices) == 1 && l.Devices[0].DisplayName == "Phone"
	})
	b.post("logout", bob, `{}`)
	await("deletion", func(l todevice.RemoteDeviceList) bool { return len(l.Devices) == 0 })
}
