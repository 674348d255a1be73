package clientapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
)

const dummy = `"auth":{"type":"m.login.dummy"}`

func TestRegisterAcceptsAuthenticationInOneGo(t *testing.T) {
	d := newDoor(t)
	got := d.want(d.post("register", `{`+dummy+`,"username":"alice","password":"x"}`), http.StatusOK, "")
	if got.text("user_id") != "@alice:chappe.test" || got.text("home_server") != serverName {
		t.Errorf("got %s", got.raw)
	}
	if !regexp.MustCompile(`^[A-Z0-9]{10}$`).MatchString(got.text("device_id")) {
		t.Errorf("device_id %q", got.text("device_id"))
	}
	if !regexp.MustCompile(`^chappe_[A-Za-z0-9_-]{43}$`).MatchString(got.text("access_token")) {
		t.Errorf("access_token %q", got.text("access_token"))
	}
	me := d.want(d.get("account/whoami", got.text("access_token")), http.StatusOK, "")
	if me.text("user_id") != got.text("user_id") || me.text("device_id") != got.text("device_id") {
		t.Errorf("whoami: %s", me.raw)
	}
}

func TestRegisterChecksTheNameBeforeAndAfterAuthentication(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) { c.ReservedPrefixes = []string{"", "rtm_demo_"} })
	d.register("taken", "A1")
	for name, errcode := range map[string]string{
		"taken":        "M_USER_IN_USE",
		"TAKEN":        "M_USER_IN_USE",
		"rtm_demo_bob": "M_EXCLUSIVE",
		"RTM_demo_bob": "M_EXCLUSIVE",
		"rtm_demo_":    "M_EXCLUSIVE",
		"":             "M_INVALID_USERNAME",
		"älice":        "M_INVALID_USERNAME",
		"a b":          "M_INVALID_USERNAME",
		"@bob:x":       "M_INVALID_USERNAME",
		"\u212Aelvin":  "M_INVALID_USERNAME", // its lower case is a plain k
		"a\x00b":       "M_INVALID_USERNAME",
		"a\tb":         "M_INVALID_USERNAME",
		"!":            "M_INVALID_USERNAME", `"`: "M_INVALID_USERNAME", "'": "M_INVALID_USERNAME",
		"?": "M_INVALID_USERNAME", `\`: "M_INVALID_USERNAME", "[": "M_INVALID_USERNAME", "{|}": "M_INVALID_USERNAME",
		strings.Repeat("a", 255-len("@:"+serverName)+1): "M_INVALID_USERNAME",
	} {
		fields := map[string]any{"username": name, "password": "x"}
		d.want(d.post("register", object(fields)), http.StatusBadRequest, errcode)
		fields["auth"] = map[string]any{"type": "m.login.dummy"}
		d.want(d.post("register", object(fields)), http.StatusBadRequest, errcode)
	}
}

func TestPrefixesAreReservedFromNowOn(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) { c.ReservedPrefixes = []string{"old_"} })
	try := func(name, errcode string) {
		t.Helper()
		status := http.StatusUnauthorized // and how to authenticate
		if errcode != "" {
			status = http.StatusBadRequest
		}
		d.want(d.post("register", object(map[string]any{"username": name, "password": "x"})), status, errcode)
	}
	try("old_a", "M_EXCLUSIVE")
	try("new_a", "")
	prefixes := []string{"new_", ""}
	d.server.Reserve(prefixes)
	prefixes[0] = "another_" // is the caller's
	try("old_a", "")
	try("new_a", "M_EXCLUSIVE")
	try("a", "")
}

func TestRegisterTakesEveryAllowedName(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) { c.ReservedPrefixes = []string{"", "rtm_demo_"} })
	for name, localpart := range map[string]string{
		"Alice":    "alice",
		"q3._=-/+": "q3._=-/+",
		"123":      "123",
		"rtm_":     "rtm_",
		strings.Repeat("b", 255-len("@:"+serverName)): strings.Repeat("b", 255-len("@:"+serverName)),
	} {
		got := d.register(name, "")
		if got.user != "@"+localpart+":"+serverName {
			t.Errorf("%q became %s", name, got.user)
		}
	}
}

func TestRegisterWithoutANameMakesOne(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) {
		c.ReservedPrefixes = strings.Split("abcdefghijklmnopqrstvwxyz234567", "") // all first letters that are ever tried
		c.ReservedPrefixes = append(c.ReservedPrefixes, "ua", "ub")
	})
	seen := map[string]bool{}
	for range 5 {
		got := d.want(d.post("register", `{`+dummy+`,"password":"x"}`), http.StatusOK, "").text("user_id")
		if seen[got] || !strings.HasPrefix(got, "@u") || strings.HasPrefix(got, "@ua") || strings.HasPrefix(got, "@ub") {
			t.Errorf("%s is repeated or reserved", got)
		}
		seen[got] = true
	}
}

func TestRegisterInhibitLoginMakesAUserWithoutDevice(t *testing.T) {
	d := newDoor(t)
	got := d.want(d.post("register", `{`+dummy+`,"username":"alice","password":"secret","inhibit_login":true}`), http.StatusOK, "")
	if list := strings.Join(keys(got.body), " "); list != "home_server user_id" {
		t.Errorf("got %s", got.raw)
	}
	if devices, err := d.store.UserDevices(t.Context(), "alice"); err != nil || len(devices) != 0 {
		t.Errorf("devices %v, %v", devices, err)
	}
	d.login("alice", "A1")
}

func TestRegisterUsesTheGivenDevice(t *testing.T) {
	d := newDoor(t)
	got := d.want(d.post("register", `{`+dummy+`,"username":"alice","password":"x","device_id":"my /phone","initial_device_display_name":"Phone"}`), http.StatusOK, "")
	if got.text("device_id") != "my /phone" {
		t.Errorf("got %s", got.raw)
	}
	device := d.want(d.get("devices/my%20%2Fphone", got.text("access_token")), http.StatusOK, "")
	if device.text("display_name") != "Phone" || device.text("last_seen_ip") != "192.0.2.7" {
		t.Errorf("got %s", device.raw)
	}
}

func TestRegisterRefuses(t *testing.T) {
	closed := func(c *clientapi.Config, _ *sqlite.Options) { c.OpenRegistration = false }
	for name, c := range map[string]struct {
		query, body string
		adjust      func(*clientapi.Config, *sqlite.Options)
		status      int
		errcode     string
	}{
		"a guest":                   {query: "?kind=guest", body: `{}`, status: 403, errcode: "M_GUEST_ACCESS_FORBIDDEN"},
		"a guest when closed":       {query: "?kind=guest", body: `{}`, adjust: closed, status: 403, errcode: "M_GUEST_ACCESS_FORBIDDEN"},
		"an unknown kind":           {query: "?kind=bot", body: `{}`, status: 400, errcode: "M_INVALID_PARAM"},
		"anyone when closed":        {body: `{}`, adjust: closed, status: 403, errcode: "M_FORBIDDEN"},
		"authenticated when closed": {body: `{` + dummy + `,"username":"a","password":"x"}`, adjust: closed, status: 403, errcode: "M_FORBIDDEN"},
		"no password":               {body: `{` + dummy + `,"username":"a"}`, status: 400, errcode: "M_MISSING_PARAM"},
		"device *":                  {body: `{` + dummy + `,"password":"x","device_id":"*"}`, status: 400, errcode: "M_INVALID_PARAM"},
		"a long device ID":          {body: `{"device_id":"` + strings.Repeat("a", 256) + `"}`, status: 400, errcode: "M_INVALID_PARAM"},
		"a long device name":        {body: `{"initial_device_display_name":"` + strings.Repeat("ä", 101) + `"}`, status: 400, errcode: "M_INVALID_PARAM"},
		"a name of another type":    {body: `{"username":5}`, status: 400, errcode: "M_BAD_JSON"},
		"an auth of another type":   {body: `{"auth":"m.login.dummy"}`, status: 400, errcode: "M_BAD_JSON"},
		"a list":                    {body: `[]`, status: 400, errcode: "M_BAD_JSON"},
		"no JSON":                   {body: `{`, status: 400, errcode: "M_NOT_JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			if c.adjust != nil {
				d = newDoor(t, c.adjust)
			}
			d.want(d.post("register"+c.query, c.body), c.status, c.errcode)
		})
	}
}

func TestAvailableTellsWhatRegisterWouldSay(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) { c.ReservedPrefixes = []string{"rtm_demo_"} })
	d.register("taken", "A1")
	for query, errcode := range map[string]string{
		"?username=taken":      "M_USER_IN_USE",
		"?username=Taken":      "M_USER_IN_USE",
		"?username=a%20b":      "M_INVALID_USERNAME",
		"?username=%ff":        "M_INVALID_USERNAME",
		"?username=":           "M_INVALID_USERNAME",
		"?username=rtm_demo_x": "M_EXCLUSIVE",
		"":                     "M_MISSING_PARAM",
	} {
		d.want(d.get("register/available"+query, ""), http.StatusBadRequest, errcode)
	}
	got := d.want(d.get("register/available?username=Free", ""), http.StatusOK, "")
	if got.raw != `{"available":true}` {
		t.Errorf("got %s", got.raw)
	}
}

func TestAvailableTellsNothingWhereRegistrationIsClosed(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) { c.OpenRegistration = false })
	d.want(d.get("register/available?username=x", ""), http.StatusForbidden, "M_FORBIDDEN")
}
