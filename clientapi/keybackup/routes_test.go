package keybackup_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/storage/sqlite"
)

// routeRows says what each endpoint answers, without a backup, to a body that is not
// JSON, and which method it does not take.
var routeRows = map[string]struct{ badJSON, wrongMethod string }{
	"POST version":                     {"400 M_NOT_JSON", "PUT"},
	"GET version":                      {"404 M_NOT_FOUND", "DELETE"},
	"GET version/{version}":            {"404 M_NOT_FOUND", "POST"},
	"PUT version/{version}":            {"400 M_NOT_JSON", "POST"},
	"DELETE version/{version}":         {"404 M_NOT_FOUND", "POST"},
	"GET keys":                         {"404 M_NOT_FOUND", "POST"},
	"PUT keys":                         {"400 M_NOT_JSON", "POST"},
	"DELETE keys":                      {"404 M_NOT_FOUND", "POST"},
	"GET keys/{roomId}":                {"404 M_NOT_FOUND", "POST"},
	"PUT keys/{roomId}":                {"400 M_NOT_JSON", "POST"},
	"DELETE keys/{roomId}":             {"404 M_NOT_FOUND", "POST"},
	"GET keys/{roomId}/{sessionId}":    {"404 M_NOT_FOUND", "POST"},
	"PUT keys/{roomId}/{sessionId}":    {"400 M_NOT_JSON", "POST"},
	"DELETE keys/{roomId}/{sessionId}": {"404 M_NOT_FOUND", "POST"},
}

func TestEveryRouteAnswersAsItsRowSays(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	left := make(map[string]bool)
	for _, prefix := range []string{"v3", "r0", "unstable"} {
		for row := range routeRows {
			left[prefix+" "+row] = true
		}
	}
	err := d.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		prefix, path, _ := strings.Cut(strings.TrimPrefix(template, "/_matrix/client/"), "/room_keys/")
		row, ok := routeRows[methods[0]+" "+path]
		if !ok {
			t.Errorf("%s %s has no row", methods[0], template)
		}
		delete(left, prefix+" "+methods[0]+" "+path)
		url := strings.NewReplacer("{version}", "1", "{roomId}", "!r", "{sessionId}", "s").Replace(template) + "?version=1"
		for _, c := range []struct{ user, method, body, want string }{
			{"", methods[0], `{}`, "401 M_MISSING_TOKEN"},
			{"nobody", methods[0], `{`, "401 M_UNKNOWN_TOKEN"},
			{"alice", methods[0], `{`, row.badJSON},
			{"alice", row.wrongMethod, `{}`, "405 M_UNRECOGNIZED"},
		} {
			w := d.request(c.user, c.method, url, c.body)
			var answer struct{ Errcode, Error string }
			unreadable := json.Unmarshal(w.Body.Bytes(), &answer)
			if got := fmt.Sprint(w.Code, " ", answer.Errcode); got != c.want || unreadable != nil || answer.Error == "" ||
				w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s %s of %q: got %s %s, want %s", c.method, template, c.user, got, w.Body, c.want)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for row := range left {
		t.Errorf("%s has a row, but is no route", row)
	}
}
