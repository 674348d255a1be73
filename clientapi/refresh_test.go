package clientapi_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// refreshable checks that an answer has tokens that can be refreshed, and gives the
// refresh token and the device.
func (d *door) refreshable(got answer) (string, client) {
	d.t.Helper()
	d.want(got, http.StatusOK, "")
	if got.body["expires_in_ms"] != 3600000.0 || !regexp.MustCompile(`^chappe_refresh_[A-Za-z0-9_-]{43}$`).MatchString(got.text("refresh_token")) {
		d.t.Errorf("got %s", got.raw)
	}
	return got.text("refresh_token"), client{user: got.text("user_id"), device: got.text("device_id"), token: got.text("access_token")}
}

func (d *door) refresh(token string) answer {
	d.t.Helper()
	return d.post("refresh", object(map[string]any{"refresh_token": token}))
}

func TestRefreshKeepsTheDeviceWithAllItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		bob := d.register("bob", "B1")
		r1, alice := d.refreshable(d.post("register", `{`+dummy+`,"username":"alice","password":"secret","device_id":"A1","refresh_token":true}`))
		inbox := d.inbox(alice)
		d.want(d.send(bob, "m.test", "1", `{"messages":{"@alice:chappe.test":{"A1":{"body":"kept"}}}}`), http.StatusOK, "")
		time.Sleep(time.Hour)
		for _, path := range []string{"/_matrix/client/v3/account/whoami", "/_matrix/client/versions"} {
			got := d.want(d.do(http.MethodGet, path, alice.token, ""), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
			if got.body["soft_logout"] != true {
				t.Errorf("%s: %s", path, got.raw)
			}
		}
		d.want(d.get("account/whoami", bob.token), http.StatusOK, "")

		lost := d.want(d.refresh(r1), http.StatusOK, "") // the client does not see this answer
		r2, next := d.refreshable(d.refresh(r1))
		if list := strings.Join(keys(lost.body), " "); list != "access_token expires_in_ms refresh_token" {
			t.Errorf("got %s", lost.raw)
		}
		if got := d.want(d.get("account/whoami", next.token), http.StatusOK, ""); got.text("device_id") != "A1" {
			t.Errorf("got %s", got.raw)
		}
		if d.inbox(next) != inbox || !slices.Equal(d.contents(next), []string{"kept"}) {
			t.Errorf("the queue was lost")
		}
		for _, token := range []string{r1, "unknown", alice.token, next.token} {
			got := d.want(d.refresh(token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
			if got.body["soft_logout"] != nil {
				t.Errorf("got %s", got.raw)
			}
		}
		got := d.want(d.get("account/whoami", alice.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
		if got.body["soft_logout"] != nil {
			t.Errorf("got %s", got.raw)
		}
		d.refreshable(d.refresh(r2))
	})
}

func TestWhoDoesNotAskToRefreshGetsATokenThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		alice := d.register("alice", "A1")
		got := d.want(d.post("login", `{"type":"m.login.password","user":"alice","password":"secret","refresh_token":false}`), http.StatusOK, "")
		if strings.Contains(got.raw, "refresh_token") || strings.Contains(got.raw, "expires_in_ms") {
			t.Errorf("got %s", got.raw)
		}
		time.Sleep(1000 * time.Hour)
		d.want(d.get("account/whoami", alice.token), http.StatusOK, "")
	})
}

func TestRefreshTokenEndsWithItsDeviceAndWithTheNextLogin(t *testing.T) {
	d := newDoor(t)
	d.register("alice", "A1")
	const login = `{"type":"m.login.password","user":"alice","password":"secret","device_id":"A2","refresh_token":true}`
	first, _ := d.refreshable(d.post("login", login))
	second, a2 := d.refreshable(d.post("login", login))
	d.want(d.refresh(first), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	d.want(d.do(http.MethodPost, "/_matrix/client/v3/logout", a2.token, `{}`), http.StatusOK, "")
	d.want(d.refresh(second), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
}

func TestUIASessionRemembersThatTheClientCanRefresh(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"alice","password":"x","refresh_token":true}`)
	d.refreshable(d.post("register", inSession(session, "")))
}

func TestRefreshRefusesWhatIsNoToken(t *testing.T) {
	d := newDoor(t)
	for body, errcode := range map[string]string{
		`{}`: "M_MISSING_PARAM", `{"refresh_token":""}`: "M_MISSING_PARAM", `{"refresh_token":true}`: "M_BAD_JSON", `[]`: "M_BAD_JSON",
	} {
		d.want(d.post("refresh", body), http.StatusBadRequest, errcode)
	}
	d.want(d.post("login", `{"type":"m.login.password","user":"a","password":"b","refresh_token":"yes"}`), http.StatusBadRequest, "M_BAD_JSON")
}
