package clientapi_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
)

const sharedSecretPath = "/_synapse/admin/v1/register"

// withSecret closes registration, as who has a secret usually does.
func withSecret(c *clientapi.Config, _ *sqlite.Options) {
	c.SharedSecret, c.OpenRegistration, c.ReservedPrefixes = "the secret", false, []string{"rtm_demo_"}
}

func (d *door) nonce() string {
	d.t.Helper()
	return d.want(d.do(http.MethodGet, sharedSecretPath, "", ""), http.StatusOK, "").text("nonce")
}

func macOf(secret string, fields ...string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(strings.Join(fields, "\x00")))
	return hex.EncodeToString(mac.Sum(nil))
}

func (d *door) bySecret(fields map[string]any) answer {
	d.t.Helper()
	return d.do(http.MethodPost, sharedSecretPath, "", object(fields))
}

func TestSharedSecretMakesAccounts(t *testing.T) {
	for name, c := range map[string]struct {
		role   string
		fields map[string]any
		signed []string
	}{
		"user":           {"notadmin", map[string]any{}, nil},
		"said not admin": {"notadmin", map[string]any{"admin": false, "displayname": "Alice", "user_type": nil}, nil},
		"admin":          {"admin", map[string]any{"admin": true}, nil},
		"with type":      {"notadmin", map[string]any{"user_type": "bot"}, []string{"bot"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, withSecret)
			nonce := d.nonce()
			signed := append([]string{nonce, "Alice", "secret", c.role}, c.signed...)
			c.fields["nonce"], c.fields["username"], c.fields["password"] = nonce, "Alice", "secret"
			c.fields["mac"] = macOf("the secret", signed...)
			got := d.want(d.bySecret(c.fields), http.StatusOK, "")
			if got.text("user_id") != "@alice:chappe.test" || got.text("home_server") != serverName || got.text("device_id") == "" {
				t.Errorf("got %s", got.raw)
			}
			d.want(d.get("account/whoami", got.text("access_token")), http.StatusOK, "")
			d.login("alice", "A1")
			account, err := d.store.Account(t.Context(), "alice")
			if err != nil || account.Admin != (c.role == "admin") {
				t.Errorf("admin %v, %v", account.Admin, err)
			}
			d.want(d.bySecret(c.fields), http.StatusBadRequest, "M_UNKNOWN") // the nonce is used up
		})
	}
}

func TestSharedSecretRefuses(t *testing.T) {
	d := newDoor(t, withSecret)
	d.register403()
	valid := func(name, password string) map[string]any {
		nonce := d.nonce()
		return map[string]any{"nonce": nonce, "username": name, "password": password,
			"mac": macOf("the secret", nonce, name, password, "notadmin")}
	}
	d.want(d.bySecret(valid("taken", "x")), http.StatusOK, "")
	with := func(key string, value any) map[string]any {
		fields := valid("bob", "x")
		fields[key] = value
		return fields
	}
	for name, c := range map[string]struct {
		fields  map[string]any
		status  int
		errcode string
	}{
		"an unknown nonce":       {with("nonce", "made up"), 400, "M_UNKNOWN"},
		"no nonce":               {with("nonce", nil), 400, "M_BAD_JSON"},
		"no name":                {with("username", nil), 400, "M_BAD_JSON"},
		"no password":            {with("password", nil), 400, "M_BAD_JSON"},
		"no mac":                 {with("mac", nil), 400, "M_BAD_JSON"},
		"another's password":     {with("password", "y"), 403, "M_FORBIDDEN"},
		"another's name":         {with("username", "eve"), 403, "M_FORBIDDEN"},
		"a rise to admin":        {with("admin", true), 403, "M_FORBIDDEN"},
		"an unsigned type":       {with("user_type", "bot"), 403, "M_FORBIDDEN"},
		"a mac that is not hex":  {with("mac", "zz"), 403, "M_FORBIDDEN"},
		"admin of another type":  {with("admin", "yes"), 400, "M_BAD_JSON"},
		"NUL in the password":    {valid("bob", "x\x00y"), 400, "M_BAD_JSON"},
		"a name that is taken":   {valid("Taken", "x"), 400, "M_USER_IN_USE"},
		"a name that is invalid": {valid("b b", "x"), 400, "M_INVALID_USERNAME"},
		"a name that is kept":    {valid("rtm_demo_x", "x"), 400, "M_EXCLUSIVE"},
	} {
		t.Run(name, func(t *testing.T) { d.want(d.bySecret(c.fields), c.status, c.errcode) })
	}
}

// register403 checks that the secret does not open the ordinary way.
func (d *door) register403() {
	d.t.Helper()
	d.want(d.post("register", `{`+dummy+`,"username":"x","password":"x"}`), http.StatusForbidden, "M_FORBIDDEN")
}

func TestSharedSecretWrongTryUsesUpTheNonce(t *testing.T) {
	d := newDoor(t, withSecret)
	nonce := d.nonce()
	fields := map[string]any{"nonce": nonce, "username": "bob", "password": "x", "mac": macOf("guess", nonce, "bob", "x", "notadmin")}
	d.want(d.bySecret(fields), http.StatusForbidden, "M_FORBIDDEN")
	fields["mac"] = macOf("the secret", nonce, "bob", "x", "notadmin")
	d.want(d.bySecret(fields), http.StatusBadRequest, "M_UNKNOWN")
}

func TestSharedSecretNonceLivesForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, withSecret)
		try := func(name string, wait time.Duration) answer {
			nonce := d.nonce()
			time.Sleep(wait)
			return d.bySecret(map[string]any{"nonce": nonce, "username": name, "password": "x",
				"mac": macOf("the secret", nonce, name, "x", "notadmin")})
		}
		d.want(try("a", time.Minute-1), http.StatusOK, "")
		d.want(try("b", time.Minute), http.StatusBadRequest, "M_UNKNOWN")
	})
}

func TestSharedSecretIsUnknownWhereNoneIsConfigured(t *testing.T) {
	d := newDoor(t)
	d.want(d.do(http.MethodGet, sharedSecretPath, "", ""), http.StatusNotFound, "M_UNRECOGNIZED")
	d.want(d.do(http.MethodPost, sharedSecretPath, "", `{}`), http.StatusNotFound, "M_UNRECOGNIZED")
}
