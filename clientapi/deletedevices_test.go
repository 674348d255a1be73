package clientapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// ask makes a request of a client with the members of a body, and with auth in it if
// that is not empty.
func (d *door) ask(c client, method, path, auth, members string) answer {
	d.t.Helper()
	if auth != "" {
		members = strings.Trim(`"auth":`+auth+`,`+members, ",")
	}
	return d.do(method, "/_matrix/client/v3/"+path, c.token, `{`+members+`}`)
}

// password is an auth object in a session, "" for none.
func password(user, password, session string) string {
	fields := map[string]any{"type": "m.login.password", "password": password,
		"identifier": map[string]any{"type": "m.id.user", "user": user}}
	if session != "" {
		fields["session"] = session
	}
	return object(fields)
}

// challenge checks that an answer tells to give the password, and gives the session.
func (d *door) challenge(got answer, errcode string) string {
	d.t.Helper()
	d.want(got, http.StatusUnauthorized, errcode)
	if !strings.Contains(got.raw, `"flows":[{"stages":["m.login.password"]}],"params":{}`) || got.text("session") == "" {
		d.t.Errorf("got %s", got.raw)
	}
	return got.text("session")
}

func (d *door) devices(c client) []string {
	d.t.Helper()
	list, _ := d.want(d.get("devices", c.token), http.StatusOK, "").body["devices"].([]any)
	var ids []string
	for _, entry := range list {
		ids = append(ids, entry.(map[string]any)["device_id"].(string))
	}
	slices.Sort(ids)
	return ids
}

func TestDeviceIsDeletedByWhoKnowsThePassword(t *testing.T) {
	d := newDoor(t)
	a1 := d.register("alice", "A1")
	a2 := d.login("alice", "A2")
	inbox := d.inbox(a2)
	session := d.challenge(d.do(http.MethodDelete, "/_matrix/client/v3/devices/A2", a1.token, ""), "")
	d.challenge(d.ask(a1, http.MethodDelete, "devices/A2", password("alice", "wrong", session), ""), "M_FORBIDDEN")
	d.want(d.get("account/whoami", a2.token), http.StatusOK, "")
	for range 2 { // the second finds it gone already
		got := d.want(d.ask(a1, http.MethodDelete, "devices/A2", password("Alice", "secret", session), ""), http.StatusOK, "")
		if got.raw != `{}` {
			t.Errorf("got %s", got.raw)
		}
	}
	d.want(d.get("account/whoami", a2.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	if got := d.devices(a1); !slices.Equal(got, []string{"A1"}) {
		t.Errorf("devices %q", got)
	}
	if !slices.Equal(d.woken.inboxes, []todevice.InboxID{inbox}) {
		t.Errorf("woken %v, want %v", d.woken.inboxes, inbox)
	}
}

func TestDeviceIsKeptFromWhoIsNotItsUser(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.want(d.post("register", `{`+dummy+`,"username":"bob","password":"bobs","device_id":"A1"}`), http.StatusOK, "")
	bob := d.client(d.post("login", `{"type":"m.login.password","user":"bob","password":"bobs","device_id":"B1"}`))
	session := d.challenge(d.ask(alice, http.MethodDelete, "devices/A1", "", ""), "")
	for _, auth := range []string{
		password("bob", "bobs", session), password("@bob:chappe.test", "bobs", ""), password("bob", "secret", ""),
	} {
		d.want(d.ask(alice, http.MethodDelete, "devices/A1", auth, ""), http.StatusForbidden, "M_FORBIDDEN")
	}
	// Another user's session, and a device that is not bob's.
	d.want(d.ask(bob, http.MethodDelete, "devices/A1", password("bob", "bobs", session), ""), http.StatusForbidden, "M_FORBIDDEN")
	d.want(d.ask(bob, http.MethodPost, "delete_devices", password("bob", "bobs", ""), `"devices":["A1","NONE"]`), http.StatusOK, "")
	if got := d.devices(alice); !slices.Equal(got, []string{"A1"}) {
		t.Errorf("devices %q", got)
	}
}

func TestSessionForOneDeviceDeletesNoOther(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.login("alice", "A2")
	d.login("alice", "A3")
	one := d.challenge(d.ask(alice, http.MethodDelete, "devices/A2", "", ""), "")
	d.want(d.ask(alice, http.MethodDelete, "devices/A3", password("alice", "secret", one), ""), http.StatusForbidden, "M_FORBIDDEN")
	many := d.challenge(d.ask(alice, http.MethodPost, "delete_devices", "", `"devices":["A2"]`), "")
	d.want(d.ask(alice, http.MethodPost, "delete_devices", password("alice", "secret", many), `"devices":["A2","A3"]`),
		http.StatusForbidden, "M_FORBIDDEN")
	if got := d.devices(alice); len(got) != 3 {
		t.Errorf("devices %q", got)
	}
	d.want(d.ask(alice, http.MethodPost, "delete_devices", password("alice", "secret", many), `"devices":["A2"]`), http.StatusOK, "")
	if got := d.devices(alice); !slices.Equal(got, []string{"A1", "A3"}) {
		t.Errorf("devices %q", got)
	}
}

func TestDeleteDevicesMayDeleteTheOneThatAsks(t *testing.T) {
	d := newDoor(t)
	a1 := d.register("alice", "A1")
	a2, a3 := d.login("alice", "A2"), d.login("alice", "A3")
	d.want(d.ask(a1, http.MethodPost, "delete_devices", password("alice", "secret", ""), `"devices":["A1","A2","A2","NONE"]`), http.StatusOK, "")
	for _, gone := range []client{a1, a2} {
		d.want(d.get("account/whoami", gone.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	}
	if got := d.devices(a3); !slices.Equal(got, []string{"A3"}) || len(d.woken.inboxes) != 2 {
		t.Errorf("devices %q, woken %v", got, d.woken.inboxes)
	}
}

func TestDeleteDevicesRefusesWhatIsNoList(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	auth := password("alice", "secret", "")
	for members, errcode := range map[string]string{
		``:                  "M_MISSING_PARAM",
		`"devices":null`:    "M_MISSING_PARAM",
		`"devices":"A1"`:    "M_BAD_JSON",
		`"devices":["A",1]`: "M_BAD_JSON",
	} {
		d.want(d.ask(alice, http.MethodPost, "delete_devices", auth, members), http.StatusBadRequest, errcode)
	}
	d.want(d.ask(alice, http.MethodDelete, "devices/A1", `"secret"`, ""), http.StatusBadRequest, "M_BAD_JSON")
	if got := d.devices(alice); !slices.Equal(got, []string{"A1"}) {
		t.Errorf("devices %q", got)
	}
}
