package server

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

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
	keys := crossSigningKeys(t, user)
	if err := b.server.store.SetCrossSigningKeys(context.Background(), user, todevice.CrossSigningKeys{}, keys); err != nil {
		t.Fatal(err)
	}
	await("cross-signing", func(l todevice.RemoteDeviceList) bool {
		return l.Master != nil && todevice.PublicKey(l.Master) == todevice.PublicKey(keys.Master) &&
			l.SelfSigning != nil && todevice.PublicKey(l.SelfSigning) == todevice.PublicKey(keys.SelfSigning)
	})
	b.post("logout", bob, `{}`)
	await("deletion", func(l todevice.RemoteDeviceList) bool { return len(l.Devices) == 0 })

	_, login := b.do("POST", "/_matrix/client/v3/login", "", `{"type":"m.login.password","user":"bob","password":"p","device_id":"E"}`)
	bob, _ = login["access_token"].(string)
	b.post("keys/upload", bob, `{"device_keys":{"user_id":"@bob:b.test","device_id":"E","algorithms":["m.olm"],`+
		`"keys":{"ed25519:E":"k"},"signatures":{"@bob:b.test":{"ed25519:E":"sig"}}}}`)
	await("another device", func(l todevice.RemoteDeviceList) bool { return len(l.Devices) == 1 })
	b.post("account/deactivate", bob, `{"auth":{"type":"m.login.password","user":"bob","password":"p"}}`)
	await("deactivation", func(l todevice.RemoteDeviceList) bool { return len(l.Devices) == 0 })
}

// crossSigningKeys makes a user's master key, and a self-signing key that it signed.
func crossSigningKeys(t *testing.T, user todevice.UserID) (keys todevice.CrossSigningKeys) {
	t.Helper()
	newKey := func(usage string) (json.RawMessage, gomatrixserverlib.KeyID, ed25519.PrivateKey) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		name := spec.Base64Bytes(public).Encode()
		return json.RawMessage(fmt.Sprintf(`{"user_id":%q,"usage":[%q],"keys":{"ed25519:%s":%q}}`, user, usage, name, name)),
			gomatrixserverlib.KeyID("ed25519:" + name), private
	}
	master, id, private := newKey("master")
	selfSigning, _, _ := newKey("self_signing")
	selfSigning, err := gomatrixserverlib.SignJSON(user.String(), id, private, selfSigning)
	if err != nil {
		t.Fatal(err)
	}
	return todevice.CrossSigningKeys{Master: master, SelfSigning: selfSigning}
}
