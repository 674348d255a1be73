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

func TestCapabilitiesAreToldByName(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A1")
	want := `{"capabilities":{"m.change_password":{"enabled":true},"m.set_displayname":{"enabled":true},` +
		`"m.set_avatar_url":{"enabled":true},"m.3pid_changes":{"enabled":false},"m.get_login_token":{"enabled":false},` +
		`"m.room_versions":{"default":"11","available":{"11":"stable"}}}}`
	if got := d.want(d.get("capabilities", alice.token), http.StatusOK, ""); got.raw != want {
		t.Errorf("got %s", got.raw)
	}
}

// By this errcode clients know what a server does not have; of any other they would
// ask again.
func TestWhatThisServerDoesNotHaveIsUnrecognized(t *testing.T) {
	d := newDoor(t, withBaseURL)
	alice := d.register("alice", "A1")
	for _, request := range [][2]string{
		{http.MethodGet, "/_matrix/client/v1/auth_metadata"},
		{http.MethodGet, "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata"},
		{http.MethodGet, "/_matrix/client/v1/media/config"},
		{http.MethodGet, "/_matrix/media/v3/config"},
		{http.MethodPost, "/_matrix/media/v3/upload"},
		{http.MethodGet, "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"},
		{http.MethodPut, "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"},
		{http.MethodPost, "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"},
		{http.MethodGet, "/.well-known/matrix/support"},
	} {
		for _, token := range []string{"", alice.token} {
			d.want(d.do(request[0], request[1], token, `{}`), http.StatusNotFound, "M_UNRECOGNIZED")
		}
	}
}
