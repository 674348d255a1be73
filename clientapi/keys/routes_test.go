package keys_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// wrongShapes lists for each endpoint bodies that are JSON, but not of its shape.
var wrongShapes = map[string][]string{
	"upload":                {`[]`, `null`, `"x"`, `{"device_keys":[]}`, `{"one_time_keys":"x"}`, `{"fallback_keys":1}`},
	"query":                 {`[]`, `null`, `{}`, `{"device_keys":[]}`, `{"device_keys":{"@a:b":{}}}`, `{"device_keys":{},"timeout":{}}`},
	"device_signing/upload": {`[]`, `null`, `{"master_key":[]}`, `{"self_signing_key":"x"}`, `{"user_signing_key":1}`, `{"auth":[]}`, `{"auth":{"type":1}}`},
	"signatures/upload":     {`[]`, `null`, `{"@a:b":[]}`, `{"@a:b":null}`, `{"@a:b":{"D":"x"}}`, `{"@a:b":{"D":null}}`},
	"claim":                 {`[]`, `null`, `{}`, `{"one_time_keys":"x"}`, `{"one_time_keys":{"@a:b":["D"]}}`, `{"one_time_keys":{},"timeout":[]}`},
}

func TestEveryRouteRefusesWhatItMust(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	untested := make(map[string]bool)
	for endpoint := range wrongShapes {
		untested["/_matrix/client/v3/keys/"+endpoint] = true
		untested["/_matrix/client/r0/keys/"+endpoint] = true
	}
	for _, path := range d.routes() {
		t.Run(path, func(t *testing.T) {
			if !untested[path] {
				t.Fatal("this route has no row")
			}
			delete(untested, path)
			check(t, "no token", d.do(http.MethodPost, path, "", `{}`), "401 M_MISSING_TOKEN")
			check(t, "bad token", d.do(http.MethodPost, path, "chappe_bad", `{`), "401 M_UNKNOWN_TOKEN")
			for _, body := range []string{``, `{`, `{"x":NaN}`, "{\"x\":\"\xff\"}"} {
				check(t, "no JSON", d.do(http.MethodPost, path, alice.token, body), "400 M_NOT_JSON")
			}
			_, endpoint, _ := strings.Cut(path, "/keys/")
			for _, body := range wrongShapes[endpoint] {
				check(t, body, d.do(http.MethodPost, path, alice.token, body), "400 M_BAD_JSON")
			}
			large := `{"x":"` + strings.Repeat("x", httpapi.DefaultBodyLimit) + `"}`
			check(t, "a large body", d.do(http.MethodPost, path, alice.token, large), "413 M_TOO_LARGE")
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
				check(t, method, d.do(method, path, alice.token, `{}`), "405 M_UNRECOGNIZED")
			}
		})
	}
	for path := range untested {
		t.Errorf("%s has a row, but is no route", path)
	}
}

func check(t *testing.T, name string, got answer, want string) {
	t.Helper()
	if had := fmt.Sprint(got.status, " ", got.errcode()); had != want {
		t.Errorf("%s: got %s, want %s (%.300s)", name, had, want, got.raw)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" || got.text("error") == "" {
		t.Errorf("%s: Content-Type %q, %.300s", name, kind, got.raw)
	}
}

// routes lists the path of every route; all of them are for POST.
func (d *door) routes() (paths []string) {
	d.t.Helper()
	err := d.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		paths = append(paths, path)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return paths
}

// many writes an object or list with n members.
func many(begin string, n int, member func(int) string, end string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = member(i)
	}
	return begin + strings.Join(members, ",") + end
}

func TestRequestForTooMuchIsRefusedAndTakesNothing(t *testing.T) {
	d := newDoor(t)
	alice := d.register("alice", "A")
	d.upload(alice, `{"one_time_keys":`+oneTimeKeys("A")+`}`)
	user := func(value string) func(int) string {
		return func(i int) string { return fmt.Sprintf(`"@u%d:far.test":%s`, i, value) }
	}
	device := func(i int) string { return fmt.Sprintf(`"D%d":"x"`, i) }
	for _, c := range []struct{ name, endpoint, body string }{
		{"users of a query", "query", many(`{"device_keys":{`, 1001, user(`[]`), `}}`)},
		{"devices of a query", "query", many(`{"device_keys":{"@alice:chappe.test":[`, 10_001, func(int) string { return `"D"` }, `]}}`)},
		{"users of a claim", "claim", many(`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519"},`, 1000, user(`{}`), `}}`)},
		{"devices of a claim", "claim", many(`{"one_time_keys":{"@alice:chappe.test":{"A":"signed_curve25519",`, 10_000, device, `}}}`)},
		{"users of signatures", "signatures/upload", many(`{`, 1001, user(`{}`), `}`)},
	} {
		got := d.post(alice, c.endpoint, c.body)
		check(t, c.name, got, "413 M_TOO_LARGE")
	}
	if len(d.remote.asked) > 0 {
		t.Errorf("%d servers were asked", len(d.remote.asked))
	}
	wantJSON(t, d.upload(alice, `{}`), "one_time_key_counts", `{"signed_curve25519":1}`)
	d.want(d.post(alice, "query", many(`{"device_keys":{`, 1000, user(`[]`), `}}`)), http.StatusOK, "")
}
