package clientapi_test

import (
	"net/http"
	"testing"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestVersionsListsEveryPromisedRelease(t *testing.T) {
	d := newDoor(t)
	want := `{"versions":["v1.1","v1.2","v1.3","v1.4","v1.5","v1.6","v1.7","v1.8","v1.9","v1.10","v1.11","v1.12"],"unstable_features":{}}`
	got := d.want(d.do(http.MethodGet, "/_matrix/client/versions", "", ""), http.StatusOK, "")
	if got.raw != want {
		t.Errorf("got %s", got.raw)
	}
}

func TestVersionsTellsAStaleTokenButNeedsNone(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	d.want(d.do(http.MethodGet, "/_matrix/client/versions", alice.token, ""), http.StatusOK, "")
	d.want(d.do(http.MethodGet, "/_matrix/client/versions", "chappe_no", ""), http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
}

func TestWellKnownTellsTheConfiguredURLOrNothing(t *testing.T) {
	const path = "/.well-known/matrix/client"
	newDoor(t).want(newDoor(t).do(http.MethodGet, path, "", ""), http.StatusNotFound, "M_NOT_FOUND")

	d := newDoor(t, withBaseURL)
	got := d.want(d.do(http.MethodGet, path, "", ""), http.StatusOK, "")
	if got.raw != `{"m.homeserver":{"base_url":"https://chappe.test"}}` {
		t.Errorf("got %s", got.raw)
	}
}

func withBaseURL(c *clientapi.Config, _ *sqlite.Options) { c.BaseURL = "https://chappe.test" }
