package clientapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func (d *door) setProfile(c client, user, field, body string) answer {
	d.t.Helper()
	return d.do(http.MethodPut, "/_matrix/client/v3/profile/"+user+"/"+field, c.token, body)
}

func TestProfileShowsWhatWasSet(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	const path = "profile/%40alice%3Achappe.test"
	if got := d.want(d.get(path, ""), http.StatusOK, ""); got.raw != `{}` {
		t.Errorf("got %s", got.raw)
	}
	d.want(d.get(path+"/displayname", ""), http.StatusNotFound, "M_NOT_FOUND")
	d.want(d.setProfile(alice, "@alice:chappe.test", "displayname", `{"displayname":"Alice"}`), http.StatusOK, "")
	d.want(d.setProfile(alice, "@alice:chappe.test", "avatar_url", `{"avatar_url":"mxc://chappe.test/a"}`), http.StatusOK, "")
	for suffix, want := range map[string]string{
		"":             `{"displayname":"Alice","avatar_url":"mxc://chappe.test/a"}`,
		"/displayname": `{"displayname":"Alice"}`,
		"/avatar_url":  `{"avatar_url":"mxc://chappe.test/a"}`,
	} {
		if got := d.want(d.get(path+suffix, ""), http.StatusOK, ""); got.raw != want {
			t.Errorf("%q: got %s, want %s", suffix, got.raw, want)
		}
	}
	d.want(d.get(path+"/m.tz", ""), http.StatusNotFound, "M_NOT_FOUND")
	d.want(d.setProfile(alice, "@alice:chappe.test", "displayname", `{"displayname":null}`), http.StatusOK, "")
	d.want(d.get(path+"/displayname", ""), http.StatusNotFound, "M_NOT_FOUND")
}

func TestProfileIsSetByItsOwnerWithinLimits(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	for _, c := range []struct {
		name        string
		who         client
		field, body string
		status      int
		errcode     string
	}{
		{"another user's", bob, "displayname", `{"displayname":"x"}`, 403, "M_FORBIDDEN"},
		{"nothing", alice, "displayname", `{}`, 400, "M_MISSING_PARAM"},
		{"a number", alice, "displayname", `{"displayname":1}`, 400, "M_BAD_JSON"},
		{"another field", alice, "m.tz", `{"m.tz":"Europe/Paris"}`, 400, "M_INVALID_PARAM"},
		{"a long name", alice, "displayname", `{"displayname":"` + strings.Repeat("x", 257) + `"}`, 400, "M_INVALID_PARAM"},
		{"the longest name", alice, "displayname", `{"displayname":"` + strings.Repeat("x", 256) + `"}`, 200, ""},
		{"a long avatar", alice, "avatar_url", `{"avatar_url":"` + strings.Repeat("x", 1001) + `"}`, 400, "M_INVALID_PARAM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.want(d.setProfile(c.who, "@alice:chappe.test", c.field, c.body), c.status, c.errcode)
		})
	}
}

func TestRemoteProfileIsAskedFor(t *testing.T) {
	d := newDoor(t)
	d.remote.profile = func(user todevice.UserID, field string) (todevice.Profile, error) {
		switch user.Localpart {
		case "rita":
			return todevice.Profile{DisplayName: "Rita " + field}, nil
		case "nobody":
			return todevice.Profile{}, refusal{404, "M_NOT_FOUND"}
		case "secret":
			return todevice.Profile{}, refusal{403, "M_FORBIDDEN"}
		}
		return todevice.Profile{}, errUnreachable
	}
	if got := d.want(d.get("profile/@rita:far.test/displayname", ""), http.StatusOK, ""); got.text("displayname") != "Rita displayname" {
		t.Errorf("got %s", got.raw)
	}
	d.want(d.get("profile/@nobody:far.test", ""), http.StatusNotFound, "M_NOT_FOUND")
	d.want(d.get("profile/@secret:far.test", ""), http.StatusBadGateway, "M_UNKNOWN")
	d.want(d.get("profile/@lost:far.test", ""), http.StatusBadGateway, "M_UNKNOWN")
	d.want(d.get("profile/no%20user", ""), http.StatusBadRequest, "M_INVALID_PARAM")
}

func TestOpenIDTokenIsTheUsersOwn(t *testing.T) {
	d := newDoor(t)
	alice, bob := d.register("alice", "A"), d.register("bob", "B")
	const path = "/_matrix/client/v3/user/@alice:chappe.test/openid/request_token"
	got := d.want(d.do(http.MethodPost, path, alice.token, `{}`), http.StatusOK, "")
	if got.text("token_type") != "Bearer" || got.text("matrix_server_name") != serverName || got.body["expires_in"] != 3600.0 {
		t.Errorf("got %s", got.raw)
	}
	if user, err := d.store.OpenIDUser(t.Context(), got.text("access_token")); err != nil || user.String() != alice.user {
		t.Errorf("the token is that of %v (%v)", user, err)
	}
	d.want(d.get("account/whoami", got.text("access_token")), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	d.want(d.do(http.MethodPost, path, bob.token, `{}`), http.StatusForbidden, "M_FORBIDDEN")
}
