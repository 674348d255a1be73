package clientapi_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// admin makes an administrator and logs in.
func (d *door) admin() client {
	d.t.Helper()
	if _, err := d.server.CreateUser(d.t.Context(), "root", "secret", true); err != nil {
		d.t.Fatal(err)
	}
	return d.login("root", "R1")
}

// tokenFor has an administrator make a login token.
func (d *door) tokenFor(admin client, user string) answer {
	d.t.Helper()
	return d.do(http.MethodPost, "/_chappe/admin/v1/users/"+user+"/login_token", admin.token, "")
}

func (d *door) loginBy(token, device string) answer {
	d.t.Helper()
	return d.post("login", object(map[string]any{"type": "m.login.token", "token": token, "device_id": device}))
}

func TestLoginTokenOfAnAdminLogsTheUserInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		root := d.admin()
		d.register("alice", "A1")
		got := d.want(d.tokenFor(root, "@alice:chappe.test"), http.StatusOK, "")
		if got.body["expires_in_ms"] != 300000.0 || len(keys(got.body)) != 2 {
			t.Errorf("got %s", got.raw)
		}
		token := got.text("login_token")
		alice := d.client(d.loginBy(token, "A2"))
		if alice.user != "@alice:chappe.test" || alice.device != "A2" {
			t.Errorf("got %+v", alice)
		}
		d.want(d.loginBy(token, "A3"), http.StatusForbidden, "M_FORBIDDEN")
		late := d.want(d.tokenFor(root, "@ALICE:chappe.test"), http.StatusOK, "").text("login_token")
		time.Sleep(5 * time.Minute)
		d.want(d.loginBy(late, "A3"), http.StatusForbidden, "M_FORBIDDEN")
		if got := d.devices(alice); len(got) != 2 {
			t.Errorf("devices %q", got)
		}
	})
}

func TestLoginTokenIsMadeByAdminsForThoseWhoAreThere(t *testing.T) {
	d := newDoor(t)
	root, alice := d.admin(), d.register("alice", "A1")
	for _, user := range []string{"@alice:chappe.test", "@root:chappe.test", "@nobody:chappe.test"} {
		d.want(d.tokenFor(alice, user), http.StatusForbidden, "M_FORBIDDEN")
	}
	token := d.want(d.tokenFor(root, "@alice:chappe.test"), http.StatusOK, "").text("login_token")
	if _, err := d.store.Deactivate(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"@alice:chappe.test", "@nobody:chappe.test", "@root:other.test", "@"} {
		d.want(d.tokenFor(root, user), http.StatusNotFound, "M_NOT_FOUND")
	}
	d.want(d.loginBy(token, ""), http.StatusForbidden, "M_FORBIDDEN")
}

func TestClientsThemselvesMakeNoLoginTokens(t *testing.T) {
	d := newDoor(t)
	root := d.admin()
	d.want(d.do(http.MethodPost, "/_matrix/client/v1/login/get_token", root.token, `{}`), http.StatusNotFound, "M_UNRECOGNIZED")
}

func TestLoginRefusesADeviceCalledAsACrossSigningKey(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	key := []byte(`{"keys":{"ed25519:PUBLIC":"PUBLIC"},"usage":["master"],"user_id":"@alice:chappe.test"}`)
	user := todevice.UserID{Localpart: "alice", Server: serverName}
	if err := d.store.SetCrossSigningKeys(t.Context(), user, todevice.CrossSigningKeys{}, todevice.CrossSigningKeys{Master: key}); err != nil {
		t.Fatal(err)
	}
	d.want(d.post("login", `{"type":"m.login.password","user":"alice","password":"secret","device_id":"PUBLIC"}`),
		http.StatusBadRequest, "M_INVALID_PARAM")
	if got := d.devices(alice); len(got) != 1 {
		t.Errorf("devices %q", got)
	}
}

func TestWhoisIsForTheUserAndForAdmins(t *testing.T) {
	d := newDoor(t)
	root, alice := d.admin(), d.register("alice", "A1")
	bob := d.register("bob", "B1")
	for _, who := range []client{root, alice} {
		got := d.want(d.get("admin/whois/@alice:chappe.test", who.token), http.StatusOK, "")
		if !strings.HasPrefix(got.raw, `{"user_id":"@alice:chappe.test","devices":{"A1":{"sessions":[{"connections":[{"ip":"192.0.2.7","last_seen":`) {
			t.Errorf("got %s", got.raw)
		}
	}
	d.want(d.get("admin/whois/@alice:chappe.test", bob.token), http.StatusForbidden, "M_FORBIDDEN")
	d.want(d.get("admin/whois/@nobody:chappe.test", bob.token), http.StatusForbidden, "M_FORBIDDEN")
	d.want(d.get("admin/whois/@nobody:chappe.test", root.token), http.StatusNotFound, "M_NOT_FOUND")
	d.want(d.get("admin/whois/@root:other.test", root.token), http.StatusNotFound, "M_NOT_FOUND")
}

func TestNobodyHasAThirdPartyID(t *testing.T) {
	d := newDoor(t)
	if got := d.get("account/3pid", d.register("alice", "A1").token); got.raw != `{"threepids":[]}` {
		t.Errorf("got %s", got.raw)
	}
}
