package keys_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func TestQueryGivesLocalKeys(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	second := d.login("alice", "A2")
	d.login("alice", "without keys")
	d.upload(alice, `{"device_keys":`+deviceKeys(alice, "k")+`}`)
	d.upload(second, `{"device_keys":`+deviceKeys(second, "l")+`}`)
	if err := d.store.RenameDevice(t.Context(), "alice", "A", "Phone"); err != nil {
		t.Fatal(err)
	}
	named := strings.TrimSuffix(deviceKeys(alice, "k"), "}") + `,"unsigned":{"device_display_name":"Phone"}}`
	for _, c := range []struct{ name, query, want string }{
		{"all devices", `{"@alice:chappe.test":[]}`, fmt.Sprintf(`{"@alice:chappe.test":{"A":%s,"A2":%s}}`, named, deviceKeys(second, "l"))},
		{"one device", `{"@alice:chappe.test":["A2","gone"]}`, fmt.Sprintf(`{"@alice:chappe.test":{"A2":%s}}`, deviceKeys(second, "l"))},
		{"no keys", `{"@bob:chappe.test":[]}`, `{"@bob:chappe.test":{}}`},
		{"nobody", `{"@nobody:chappe.test":[],"no user":[]}`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.query(bob, c.query)
			wantJSON(t, got, "device_keys", c.want)
			for _, member := range []string{"master_keys", "self_signing_keys", "user_signing_keys", "failures"} {
				wantJSON(t, got, member, `{}`)
			}
		})
	}
	if len(d.remote.asked) > 0 {
		t.Errorf("%q were asked", d.remote.asked)
	}
}

// set gives a user their first cross-signing keys.
func (d *door) set(user todevice.UserID, keys todevice.CrossSigningKeys) {
	d.t.Helper()
	if err := d.store.SetCrossSigningKeys(d.t.Context(), user, todevice.CrossSigningKeys{}, keys); err != nil {
		d.t.Fatal(err)
	}
}

func TestQueryShowsCrossSigningKeys(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	key := func(name string) json.RawMessage {
		return json.RawMessage(`{"keys":{"ed25519:` + name + `":"` + name + `"}}`)
	}
	d.set(todevice.UserID{Localpart: "alice", Server: serverName}, todevice.CrossSigningKeys{
		Master: key("M"), SelfSigning: key("S"), UserSigning: key("U"),
	})
	shown := func(name string) string {
		return `{"@alice:chappe.test":{"keys":{"ed25519:` + name + `":"` + name + `"},"signatures":{}}}`
	}
	for c, userSigning := range map[client]string{alice: shown("U"), bob: `{}`} {
		got := d.query(c, `{"@alice:chappe.test":[]}`)
		wantJSON(t, got, "master_keys", shown("M"))
		wantJSON(t, got, "self_signing_keys", shown("S"))
		wantJSON(t, got, "user_signing_keys", userSigning)
	}
}

func TestQueryOfWrongShapeIsRefused(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	for _, body := range []string{`[]`, `{}`, `{"device_keys":null}`, `{"device_keys":[]}`, `{"device_keys":{"@a:b":{}}}`,
		`{"device_keys":{"@a:b":null}}`, `{"device_keys":{"@a:b":[1]}}`, `{"device_keys":{"@a:b":[null]}}`,
		`{"device_keys":{},"timeout":"1"}`, `{"device_keys":{},"timeout":1.5}`} {
		got := d.post(alice, "query", body)
		if got.status != 400 || got.errcode() != "M_BAD_JSON" {
			t.Errorf("%s: got %d %s", body, got.status, got.raw)
		}
	}
}

func TestQueryAsksOtherServersOnceEach(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	far := func(name string, server spec.ServerName) todevice.UserID {
		return todevice.UserID{Localpart: name, Server: server}
	}
	master := json.RawMessage(`{"keys":{"ed25519:RM":"RM"}}`)
	d.remote.query = func(_ context.Context, server spec.ServerName, devices map[todevice.UserID][]string) (todevice.RemoteKeys, error) {
		switch server {
		case "down.test":
			return todevice.RemoteKeys{}, errUnreachable
		case "rude.test":
			return todevice.RemoteKeys{}, refusal{403, "M_FORBIDDEN"}
		}
		if len(devices) != 2 || !slices.Equal(devices[far("rita", server)], []string{"R"}) {
			t.Errorf("%s is asked for %v", server, devices)
		}
		rita := far("rita", server)
		return todevice.RemoteKeys{
			Devices:     map[todevice.UserID]map[string]json.RawMessage{rita: {"R": json.RawMessage(`{"n":9007199254740993}`)}},
			Master:      map[todevice.UserID]json.RawMessage{rita: master},
			SelfSigning: map[todevice.UserID]json.RawMessage{rita: json.RawMessage(`{"keys":{"ed25519:RS":"RS"}}`)},
		}, nil
	}
	d.set(far("rita", "far.test"), todevice.CrossSigningKeys{Master: master})
	d.set(far("alice", serverName), todevice.CrossSigningKeys{UserSigning: json.RawMessage(`{"keys":{"ed25519:U":"U"}}`)})
	late, err := d.store.AddSignatures(t.Context(), []todevice.Signature{{
		Signer: far("alice", serverName), KeyID: "ed25519:U", Target: far("rita", "far.test"), TargetKey: "RM", Object: master, Signature: "sig",
	}})
	if err != nil || len(late) > 0 {
		t.Fatal(late, err)
	}
	got := d.query(alice, `{"@rita:far.test":["R"],"@sam:far.test":[],"@x:down.test":[],"@y:rude.test":[]}`)
	if !strings.Contains(got.raw, `{"@rita:far.test":{"R":{"n":9007199254740993}}}`) {
		t.Errorf("got %s", got.raw)
	}
	wantJSON(t, got, "master_keys", `{"@rita:far.test":{"keys":{"ed25519:RM":"RM"},"signatures":{"@alice:chappe.test":{"ed25519:U":"sig"}}}}`)
	wantJSON(t, got, "self_signing_keys", `{"@rita:far.test":{"keys":{"ed25519:RS":"RS"}}}`)
	wantJSON(t, got, "failures", `{"down.test":{"error":"The server could not be reached"},`+
		`"rude.test":{"errcode":"M_FORBIDDEN","error":"The server answered with HTTP 403"}}`)
	if slices.Sort(d.remote.asked); !slices.Equal(d.remote.asked, []spec.ServerName{"down.test", "far.test", "rude.test"}) {
		t.Errorf("asked: %q", d.remote.asked)
	}
}

func TestServerThatDoesNotAnswerCostsTheTimeoutAndNoMore(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`,"timeout":1500`:   1500 * time.Millisecond,
		``:                  10 * time.Second,
		`,"timeout":0`:      10 * time.Second,
		`,"timeout":600000`: time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor(t)
			alice := d.register("alice", "A")
			d.remote.query = func(ctx context.Context, server spec.ServerName, _ map[todevice.UserID][]string) (todevice.RemoteKeys, error) {
				if server != "slow.test" {
					return todevice.RemoteKeys{}, nil
				}
				<-ctx.Done()
				return todevice.RemoteKeys{}, ctx.Err()
			}
			began := time.Now()
			got := d.post(alice, "query",
				`{"device_keys":{"@a:slow.test":[],"@b:quick.test":[]}`+body+`}`)
			if took := time.Since(began); took != want {
				t.Errorf("timeout %q: took %v, want %v", body, took, want)
			}
			wantJSON(t, got, "failures", `{"slow.test":{"error":"The server did not answer in time"}}`)
		})
	}
}
