package doortest

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// An Outcome is a status and an errcode: "200" or "403 M_FORBIDDEN".
type Outcome string

// What endpoints have in common.
const (
	Fine         Outcome = "200"
	missingToken Outcome = "401 M_MISSING_TOKEN"
	unknownToken Outcome = "401 M_UNKNOWN_TOKEN"
	notJSON      Outcome = "400 M_NOT_JSON"
	badJSON      Outcome = "400 M_BAD_JSON"
	tooLarge     Outcome = "413 M_TOO_LARGE"
	forbidden    Outcome = "403 M_FORBIDDEN"
	unrecognized Outcome = "405 M_UNRECOGNIZED"
)

// A Row says what an endpoint answers.
type Row struct {
	Route string // "METHOD template"; {v3} stands for each prefix
	Body  string // one the endpoint takes; "" stands for {}
	// Answer is what it answers to that body with a good token; "" stands for Fine.
	Answer Outcome
	// Open: it needs no token, and does not look at one.
	Open bool
	// Reads: it reads a body, which is an object of bounded size.
	Reads bool
	// WrongMethod is one that no endpoint of this path has, "" where there is none.
	WrongMethod string
}

// prefixes are those that {v3} stands for.
var prefixes = [...]string{"/_matrix/client/v3", "/_matrix/client/r0"}

// CheckRows fails the test unless each endpoint has a row, and answers as it says, each
// at a door of its own. The names in the paths are filled in by fill, pairs of name and
// value; {userId} is the user's own, and for another user everything is refused.
func CheckRows(t *testing.T, open func(*testing.T) *Door, rows []Row, fill ...string) {
	t.Helper()
	byRoute := make(map[string]Row)
	for _, row := range rows {
		for _, prefix := range prefixes {
			byRoute[strings.Replace(row.Route, "{v3}", prefix, 1)] = row
		}
	}
	for _, route := range open(t).routes() {
		t.Run(route, func(t *testing.T) {
			row, ok := byRoute[route]
			if !ok {
				t.Fatal("this route has no row")
			}
			delete(byRoute, route)
			open(t).checkRow(route, row, fill)
		})
	}
	for route := range byRoute {
		t.Errorf("%s has a row, but is no route", route)
	}
}

func (d *Door) checkRow(route string, row Row, fill []string) {
	d.t.Helper()
	method, template, _ := strings.Cut(route, " ")
	path := func(userID string) string {
		return strings.NewReplacer(append([]string{"{userId}", userID}, fill...)...).Replace(template)
	}
	own := path("@alice:" + ServerName)
	_, token := d.Login("alice", "A")
	body, good := cmp.Or(row.Body, `{}`), cmp.Or(row.Answer, Fine)
	noToken, badToken := missingToken, unknownToken
	if row.Open {
		noToken, badToken = good, good
	}
	text, list, huge := good, good, good
	if row.Reads {
		text, list, huge = notJSON, badJSON, tooLarge
	}
	d.check("no token", d.Do(method, own, "", body), noToken)
	d.check("bad token", d.Do(method, own, "no token", body), badToken)
	d.check("good", d.Do(method, own, token, body), good)
	d.check("not JSON", d.Do(method, own, token, `{`), text)
	d.check("a list", d.Do(method, own, token, `[]`), list)
	d.check("oversize", d.Do(method, own, token, `{"x":"`+strings.Repeat("x", httpapi.DefaultBodyLimit)+`"}`), huge)
	if row.WrongMethod != "" {
		d.check("wrong method", d.Do(row.WrongMethod, own, token, body), unrecognized)
	}
	if strings.Contains(template, "{userId}") {
		d.check("another user's", d.Do(method, path("@bob:"+ServerName), token, body), forbidden)
	}
}

func (d *Door) check(name string, got Answer, want Outcome) {
	d.t.Helper()
	had := Outcome(strings.TrimSpace(fmt.Sprint(got.Status, " ", got.Errcode)))
	if had != want {
		d.t.Errorf("%s: got %s, want %s (%.200s)", name, had, want, got.Body)
	}
	if got.ContentType != "application/json" || got.Status >= 400 && got.Error == "" {
		d.t.Errorf("%s: Content-Type %q, error %q", name, got.ContentType, got.Error)
	}
}

// routes lists "METHOD template" of every route.
func (d *Door) routes() []string {
	d.t.Helper()
	var list []string
	err := d.Router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
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
