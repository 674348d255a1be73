package testserver

import (
	"net/http"
	"testing"
)

// A hearer is a test that hears of errors and goes on.
type hearer struct {
	testing.TB
	errors int
}

func (h *hearer) Errorf(string, ...any) { h.errors++ }

func TestAnAnswerThatIsNotAsSpecifiedFailsTheTest(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		path, body string
		errors     int
	}{
		{"/_matrix/client/v3/account/whoami", `{"user_id":"@a:b"}`, 0},
		{"/_matrix/client/v3/account/whoami", `{"user_id":7}`, 1},
		{"/dev/v2/project", `{"user_id":7}`, 0}, // no business of the specification
	} {
		h := &hearer{TB: t}
		check := &specCheck{t: h}
		check.see(Request{Method: http.MethodGet, Path: c.path}, &Response{Status: http.StatusOK, Header: header, Body: []byte(c.body)})
		if h.errors != c.errors {
			t.Errorf("%s %s: told of %d errors, want %d", c.path, c.body, h.errors, c.errors)
		}
	}
}
