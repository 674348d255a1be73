package clientapi_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestRelayIsToldWithCredentialsItCanCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time begins at 946684800
		d := newDoor(t, func(c *clientapi.Config, _ *sqlite.Options) {
			c.TURN = clientapi.TURN{URIs: []string{"turn:turn.chappe.test?transport=udp"}, SharedSecret: "north", Lifetime: time.Hour}
		})
		alice := d.register("alice", "A")
		got := d.want(d.get("voip/turnServer", alice.token), http.StatusOK, "")
		// printf %s 946688400:@alice:chappe.test | openssl dgst -sha1 -hmac north -binary | base64
		const want = `{"username":"946688400:@alice:chappe.test","password":"W4fB2bt6VgRFk+UwDczSVHX8f14=",` +
			`"uris":["turn:turn.chappe.test?transport=udp"],"ttl":3600}`
		if got.raw != want {
			t.Errorf("got %s, want %s", got.raw, want)
		}
	})
}

func TestWithoutARelayNothingIsTold(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	if got := d.want(d.get("voip/turnServer", alice.token), http.StatusOK, ""); got.raw != `{}` {
		t.Errorf("got %s", got.raw)
	}
}
