package clientapi_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func (d *door) tryPassword(user, password string) answer {
	d.t.Helper()
	return d.post("login", object(map[string]any{"type": "m.login.password", "user": user, "password": password}))
}

func TestPasswordChangeLogsTheOtherDevicesOut(t *testing.T) {
	for members, stays := range map[string]bool{
		`"new_password":"new"`: false, `"new_password":"new","logout_devices":true`: false,
		`"new_password":"new","logout_devices":null`: false, `"new_password":"new","logout_devices":false`: true,
	} {
		t.Run(members, func(t *testing.T) {
			d := newDoor(t)
			a1, bob := d.register("alice", "A1"), d.register("bob", "B1")
			a2 := d.login("alice", "A2")
			inbox := d.inbox(a2)
			session := d.challenge(d.ask(a1, http.MethodPost, "account/password", "", members), "")
			got := d.want(d.ask(a1, http.MethodPost, "account/password", password("alice", "secret", session), members), http.StatusOK, "")
			if got.raw != `{}` {
				t.Errorf("got %s", got.raw)
			}
			d.want(d.get("account/whoami", a1.token), http.StatusOK, "")
			d.want(d.get("account/whoami", bob.token), http.StatusOK, "")
			if stays {
				d.want(d.get("account/whoami", a2.token), http.StatusOK, "")
			} else {
				d.want(d.get("account/whoami", a2.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
			}
			if want := []todevice.InboxID{inbox}; slices.Equal(d.woken.inboxes, want) == stays {
				t.Errorf("woken %v", d.woken.inboxes)
			}
			d.want(d.tryPassword("alice", "secret"), http.StatusForbidden, "M_FORBIDDEN")
			d.want(d.tryPassword("alice", "new"), http.StatusOK, "")
			d.want(d.tryPassword("bob", "secret"), http.StatusOK, "")
		})
	}
}

func TestPasswordStaysWhereTheChangeIsRefused(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.login("alice", "A2")
	d.want(d.post("register", `{`+dummy+`,"username":"bob","password":"bobs"}`), http.StatusOK, "")
	auth := password("alice", "secret", "")
	for name, c := range map[string]struct {
		auth, members string
		status        int
		errcode       string
	}{
		"the wrong password":     {password("alice", "no", ""), `"new_password":"new"`, 401, "M_FORBIDDEN"},
		"another user":           {password("bob", "bobs", ""), `"new_password":"new"`, 403, "M_FORBIDDEN"},
		"an open stage":          {`{"type":"m.login.dummy"}`, `"new_password":"new"`, 401, "M_FORBIDDEN"},
		"no new password":        {auth, ``, 400, "M_MISSING_PARAM"},
		"an empty one":           {auth, `"new_password":""`, 400, "M_MISSING_PARAM"},
		"null":                   {auth, `"new_password":null`, 400, "M_MISSING_PARAM"},
		"a number":               {auth, `"new_password":5`, 400, "M_BAD_JSON"},
		"a word for what is not": {auth, `"new_password":"new","logout_devices":"no"`, 400, "M_BAD_JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			d.want(d.ask(alice, http.MethodPost, "account/password", c.auth, c.members), c.status, c.errcode)
		})
	}
	if got := d.devices(alice); len(got) != 2 {
		t.Errorf("devices %q", got)
	}
	d.want(d.tryPassword("alice", "secret"), http.StatusOK, "")
	// A session for one password changes it to no other.
	session := d.challenge(d.ask(alice, http.MethodPost, "account/password", "", `"new_password":"new"`), "")
	d.want(d.ask(alice, http.MethodPost, "account/password", password("alice", "secret", session), `"new_password":"other"`),
		http.StatusForbidden, "M_FORBIDDEN")
	d.want(d.tryPassword("alice", "secret"), http.StatusOK, "")
}

func TestDeactivatedUserIsGoneForGood(t *testing.T) {
	d := newDoor(t)
	a1, bob := d.register("alice", "A1"), d.register("bob", "B1")
	a2 := d.login("alice", "A2")
	inboxes := []todevice.InboxID{d.inbox(a1), d.inbox(a2)}
	d.want(d.do(http.MethodPut, "/_matrix/client/v3/profile/@alice:chappe.test/displayname", a1.token, `{"displayname":"Alice"}`), http.StatusOK, "")
	session := d.challenge(d.ask(a1, http.MethodPost, "account/deactivate", "", ""), "")
	d.challenge(d.ask(a1, http.MethodPost, "account/deactivate", password("alice", "wrong", session), ""), "M_FORBIDDEN")
	d.want(d.ask(a1, http.MethodPost, "account/deactivate", password("bob", "secret", session), ""), http.StatusForbidden, "M_FORBIDDEN")
	d.want(d.get("account/whoami", a2.token), http.StatusOK, "")

	got := d.want(d.ask(a1, http.MethodPost, "account/deactivate", password("alice", "secret", ""), `"erase":true`), http.StatusOK, "")
	if got.raw != `{"id_server_unbind_result":"no-support"}` {
		t.Errorf("got %s", got.raw)
	}
	for _, gone := range []client{a1, a2} {
		d.want(d.get("account/whoami", gone.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	}
	if !slices.Equal(d.woken.inboxes, inboxes) {
		t.Errorf("woken %v, want %v", d.woken.inboxes, inboxes)
	}
	for _, word := range []string{"secret", "wrong"} {
		d.want(d.tryPassword("Alice", word), http.StatusForbidden, "M_USER_DEACTIVATED")
	}
	d.want(d.post("register", `{`+dummy+`,"username":"alice","password":"x"}`), http.StatusBadRequest, "M_USER_IN_USE")
	d.want(d.get("register/available?username=alice", ""), http.StatusBadRequest, "M_USER_IN_USE")
	d.want(d.get("profile/@alice:chappe.test", ""), http.StatusNotFound, "M_NOT_FOUND")
	keys, err := d.store.QueryKeys(t.Context(), todevice.UserID{Localpart: "bob", Server: serverName}, []todevice.KeyQuery{{Localpart: "alice"}})
	if err != nil || len(keys) > 0 {
		t.Errorf("keys: %v, %v", keys, err)
	}
	d.want(d.send(bob, "m.test", "1", `{"messages":{"@alice:chappe.test":{"*":{"body":"x"}}}}`), http.StatusOK, "")
	d.want(d.get("account/whoami", bob.token), http.StatusOK, "")
}
