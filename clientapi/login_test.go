package clientapi_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func TestLoginFlowsOfferThePasswordAndTheToken(t *testing.T) {
	if got := newDoor(t).get("login", ""); got.raw != `{"flows":[{"type":"m.login.password"},{"type":"m.login.token"}]}` {
		t.Errorf("got %s", got.raw)
	}
}

func TestLoginTakesEveryFormOfTheUser(t *testing.T) {
	d := newDoor(t)
	d.register("alice", "A1")
	for _, user := range []string{
		`"identifier":{"type":"m.id.user","user":"alice"}`,
		`"identifier":{"type":"m.id.user","user":"Alice"}`,
		`"identifier":{"type":"m.id.user","user":"@alice:chappe.test"}`,
		`"identifier":{"type":"m.id.user","user":"@ALICE:chappe.test"}`,
		`"identifier":{"type":"m.id.user","user":"alice"},"user":"nobody"`,
		`"user":"alice"`,
		`"user":"@Alice:chappe.test"`,
	} {
		got := d.client(d.post("login", `{"type":"m.login.password","password":"secret",`+user+`}`))
		if got.user != "@alice:chappe.test" || got.device == "" || got.token == "" {
			t.Errorf("%s: got %+v", user, got)
		}
	}
}

func TestLoginRefuses(t *testing.T) {
	d := newDoor(t)
	d.register("alice", "A1")
	if _, err := d.store.EnsureDevice(t.Context(), "rtm_x_bob", "RTM"); err != nil {
		t.Fatal(err)
	}
	const password = `"type":"m.login.password"`
	for name, c := range map[string]struct {
		body    string
		status  int
		errcode string
	}{
		"a wrong password":              {`{` + password + `,"user":"alice","password":"Secret"}`, 403, "M_FORBIDDEN"},
		"an unknown user":               {`{` + password + `,"user":"nobody","password":"secret"}`, 403, "M_FORBIDDEN"},
		"a user without password":       {`{` + password + `,"user":"rtm_x_bob","password":"secret"}`, 403, "M_FORBIDDEN"},
		"another server's user":         {`{` + password + `,"user":"@alice:other.test","password":"secret"}`, 403, "M_FORBIDDEN"},
		"an ID that is none":            {`{` + password + `,"user":"@alice","password":"secret"}`, 403, "M_FORBIDDEN"},
		"an unknown type":               {`{"type":"m.login.magic","user":"alice","password":"secret"}`, 400, "M_UNKNOWN"},
		"no login token":                {`{"type":"m.login.token"}`, 400, "M_MISSING_PARAM"},
		"a bad login token":             {`{"type":"m.login.token","token":"x","user":"alice","password":"secret"}`, 403, "M_FORBIDDEN"},
		"no type":                       {`{"user":"alice","password":"secret"}`, 400, "M_MISSING_PARAM"},
		"no password":                   {`{` + password + `,"user":"alice"}`, 400, "M_MISSING_PARAM"},
		"no user":                       {`{` + password + `,"password":"secret"}`, 400, "M_MISSING_PARAM"},
		"no user in the identifier":     {`{` + password + `,"password":"secret","identifier":{"type":"m.id.user"}}`, 400, "M_MISSING_PARAM"},
		"an unknown identifier":         {`{` + password + `,"password":"secret","identifier":{"type":"m.id.phone"}}`, 400, "M_UNKNOWN"},
		"a password of another type":    {`{` + password + `,"user":"alice","password":5}`, 400, "M_BAD_JSON"},
		"an identifier of another type": {`{` + password + `,"password":"secret","identifier":"alice"}`, 400, "M_BAD_JSON"},
		"device *":                      {`{` + password + `,"user":"alice","password":"secret","device_id":"*"}`, 400, "M_INVALID_PARAM"},
		"a list":                        {`[]`, 400, "M_BAD_JSON"},
		"null":                          {`null`, 400, "M_BAD_JSON"},
		"no JSON":                       {`{"a":NaN}`, 400, "M_NOT_JSON"},
		"invalid UTF-8":                 {"{\"a\":\"\xff\"}", 400, "M_NOT_JSON"},
		"nothing":                       {``, 400, "M_NOT_JSON"},
		"a body over the limit":         {`{"a":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "M_TOO_LARGE"},
	} {
		t.Run(name, func(t *testing.T) {
			d.want(d.post("login", c.body), c.status, c.errcode)
		})
	}
}

func TestLoginDoesNotTellAWrongPasswordFromAnUnknownUser(t *testing.T) {
	d := newDoor(t)
	d.register("alice", "A1")
	wrong := d.post("login", `{"type":"m.login.password","user":"alice","password":"no"}`)
	unknown := d.post("login", `{"type":"m.login.password","user":"nobody","password":"no"}`)
	if wrong.raw != unknown.raw {
		t.Errorf("got %s and %s", wrong.raw, unknown.raw)
	}
}

func TestLoginOnAKnownDeviceKeepsItAndEndsItsTokens(t *testing.T) {
	d := newDoor(t)
	d.register("alice", "other")
	first := d.client(d.post("login", `{"type":"m.login.password","user":"alice","password":"secret","device_id":"A1","initial_device_display_name":"Phone"}`))
	d.want(d.send(first, "m.test", "1", `{"messages":{"@alice:chappe.test":{"A1":{"body":"kept"}}}}`), http.StatusOK, "")
	inbox := d.inbox(first)

	again := d.client(d.post("login", `{"type":"m.login.password","user":"alice","password":"secret","device_id":"A1","initial_device_display_name":"Other"}`))
	d.want(d.get("account/whoami", first.token), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	if name := d.get("devices/A1", again.token).text("display_name"); name != "Phone" {
		t.Errorf("the device is now called %q", name)
	}
	if got := d.contents(again); d.inbox(again) != inbox || !slices.Equal(got, []string{"kept"}) {
		t.Errorf("the queue was lost: %q", got)
	}
	// The same transaction ID is still that device's.
	d.want(d.send(again, "m.test", "1", `{"messages":{"@alice:chappe.test":{"A1":{"body":"again"}}}}`), http.StatusOK, "")
	if got := d.contents(again); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("a repeated request was sent: %q", got)
	}
}

func TestLoginTellsWhereTheServerIs(t *testing.T) {
	d := newDoor(t, withBaseURL)
	d.register("alice", "A1")
	got := d.want(d.post("login", `{"type":"m.login.password","user":"alice","password":"secret","device_id":"A1"}`), http.StatusOK, "")
	if got.text("home_server") != serverName || !strings.Contains(got.raw, `"well_known":{"m.homeserver":{"base_url":"https://chappe.test"}}`) {
		t.Errorf("got %s", got.raw)
	}
}

func TestLoginComparesTheWholePassword(t *testing.T) {
	d := newDoor(t)
	long := strings.Repeat("pässwörd\u0000", 20)
	d.want(d.post("register", object(map[string]any{
		"auth": map[string]any{"type": "m.login.dummy"}, "username": "alice", "password": long + "a",
	})), http.StatusOK, "")
	try := func(password string) answer {
		return d.post("login", object(map[string]any{"type": "m.login.password", "user": "alice", "password": password}))
	}
	d.want(try(long+"b"), http.StatusForbidden, "M_FORBIDDEN")
	d.want(try(long), http.StatusForbidden, "M_FORBIDDEN")
	d.want(try(long+"a"), http.StatusOK, "")
}

func TestDevicesOfAUserAreBounded(t *testing.T) {
	d := newDoor(t, func(_ *clientapi.Config, o *sqlite.Options) { o.MaxDevices = 2 })
	d.register("alice", "A1")
	second := d.login("alice", "A2")
	third := `{"type":"m.login.password","user":"alice","password":"secret","device_id":"A3"}`
	d.want(d.post("login", third), http.StatusForbidden, "M_FORBIDDEN")
	if _, err := d.store.EnsureDevice(t.Context(), "alice", "A3"); !errors.Is(err, todevice.ErrTooManyDevices) {
		t.Errorf("got %v", err)
	}
	d.login("alice", "A1") // is no new one
	d.register("bob", "B1")
	d.want(d.do(http.MethodPost, "/_matrix/client/v3/logout", second.token, `{}`), http.StatusOK, "")
	d.want(d.post("login", third), http.StatusOK, "")
}
