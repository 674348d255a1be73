package clientapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// An outcome is a status and an errcode, "200" or "403 M_FORBIDDEN".
type outcome string

const (
	fine         outcome = "200"
	missingToken outcome = "401 M_MISSING_TOKEN"
	unknownToken outcome = "401 M_UNKNOWN_TOKEN"
	notJSON      outcome = "400 M_NOT_JSON"
	unrecognized outcome = "405 M_UNRECOGNIZED"
)

// A routeRow says what an endpoint answers to the same body {} without and with a
// token that is not valid, and to a body that is not JSON with a good one.
type routeRow struct {
	route                      string
	noToken, badToken, badJSON outcome
	wrongMethod                string
}

// routeRows has a row for every endpoint; those under {v3} stand for r0, too.
var routeRows = []routeRow{
	{"GET /_matrix/client/versions", fine, unknownToken, fine, "POST"},
	{"GET /.well-known/matrix/client", fine, fine, fine, "POST"},
	{"GET /_synapse/admin/v1/register", fine, fine, fine, "PUT"},
	{"POST /_synapse/admin/v1/register", "400 M_BAD_JSON", "400 M_BAD_JSON", notJSON, "DELETE"},
	{"POST {v3}/register", "401", "401", notJSON, "GET"},
	{"GET {v3}/register/available", "400 M_MISSING_PARAM", "400 M_MISSING_PARAM", "400 M_MISSING_PARAM", "POST"},
	{"GET /_matrix/client/v1/register/m.login.registration_token/validity", "400 M_MISSING_PARAM", "400 M_MISSING_PARAM",
		"400 M_MISSING_PARAM", "POST"},
	{"GET {v3}/login", fine, fine, fine, "PUT"},
	{"POST {v3}/login", "400 M_MISSING_PARAM", "400 M_MISSING_PARAM", notJSON, "DELETE"},
	{"POST {v3}/refresh", "400 M_MISSING_PARAM", "400 M_MISSING_PARAM", notJSON, "GET"},
	{"POST {v3}/logout", missingToken, unknownToken, fine, "GET"},
	{"POST {v3}/logout/all", missingToken, unknownToken, fine, "GET"},
	{"GET {v3}/account/whoami", missingToken, unknownToken, fine, "POST"},
	{"GET {v3}/account/3pid", missingToken, unknownToken, fine, "DELETE"},
	{"GET {v3}/admin/whois/{userId}", missingToken, unknownToken, "403 M_FORBIDDEN", "POST"},
	{"POST /_chappe/admin/v1/users/{userId}/login_token", missingToken, unknownToken, "403 M_FORBIDDEN", "GET"},
	{"POST {v3}/account/password", missingToken, unknownToken, notJSON, "GET"},
	{"POST {v3}/account/deactivate", missingToken, unknownToken, notJSON, "GET"},
	{"GET {v3}/capabilities", missingToken, unknownToken, fine, "POST"},
	{"GET {v3}/voip/turnServer", missingToken, unknownToken, fine, "POST"},
	{"GET {v3}/devices", missingToken, unknownToken, fine, "POST"},
	{"GET {v3}/devices/{deviceId}", missingToken, unknownToken, "404 M_NOT_FOUND", "POST"},
	{"PUT {v3}/devices/{deviceId}", missingToken, unknownToken, notJSON, "POST"},
	{"DELETE {v3}/devices/{deviceId}", missingToken, unknownToken, notJSON, "POST"},
	{"POST {v3}/delete_devices", missingToken, unknownToken, notJSON, "GET"},
	{"GET {v3}/profile/{userId}", "404 M_NOT_FOUND", "404 M_NOT_FOUND", "404 M_NOT_FOUND", "POST"},
	{"GET {v3}/profile/{userId}/{field}", "404 M_NOT_FOUND", "404 M_NOT_FOUND", "404 M_NOT_FOUND", "POST"},
	{"PUT {v3}/profile/{userId}/{field}", missingToken, unknownToken, notJSON, "POST"},
	{"POST {v3}/user/{userId}/openid/request_token", missingToken, unknownToken, notJSON, "GET"},
	{"PUT {v3}/sendToDevice/{eventType}/{txnId}", missingToken, unknownToken, notJSON, "POST"},
}

func TestEveryRouteAnswersAsItsRowSays(t *testing.T) {
	d := newDoor(t, func(c *clientapi.Config, o *sqlite.Options) {
		withBaseURL(c, o)
		c.SharedSecret = "the secret"
	})
	d.register("alice", "first")
	rows := make(map[string]routeRow)
	for _, row := range routeRows {
		for _, prefix := range []string{"/_matrix/client/v3", "/_matrix/client/r0"} {
			rows[strings.Replace(row.route, "{v3}", prefix, 1)] = row
		}
	}
	for _, route := range d.routes() {
		t.Run(route, func(t *testing.T) {
			row, ok := rows[route]
			if !ok {
				t.Fatal("this route has no row")
			}
			delete(rows, route)
			method, path, _ := strings.Cut(route, " ")
			path = strings.NewReplacer("{deviceId}", "NONE", "{eventType}", "m.test", "{txnId}", "1",
				"{userId}", "@nobody:chappe.test", "{field}", "displayname").Replace(path)
			check(t, "no token", d.do(method, path, "", `{}`), row.noToken)
			check(t, "bad token", d.do(method, path, "chappe_bad", `{}`), row.badToken)
			check(t, "bad JSON", d.do(method, path, d.login("alice", "").token, `{`), row.badJSON)
			check(t, "wrong method", d.do(row.wrongMethod, path, "", `{}`), unrecognized)
		})
	}
	for route := range rows {
		t.Errorf("%s has a row, but is no route", route)
	}
}

func check(t *testing.T, name string, got answer, want outcome) {
	t.Helper()
	had := outcome(strings.TrimSpace(fmt.Sprint(got.status, " ", got.errcode())))
	if had != want {
		t.Errorf("%s: got %s, want %s (%s)", name, had, want, got.raw)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: Content-Type %q", name, kind)
	}
	if got.status >= http.StatusBadRequest && got.errcode() != "" && got.text("error") == "" {
		t.Errorf("%s: no error text in %s", name, got.raw)
	}
}

// routes lists "METHOD template" of every route.
func (d *door) routes() []string {
	d.t.Helper()
	var list []string
	err := d.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		for _, method := range methods {
			list = append(list, method+" "+template)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}
