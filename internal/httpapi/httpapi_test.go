package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/todevice"
)

type sessions map[string]todevice.Device

func (s sessions) Session(_ context.Context, token string) (todevice.Device, error) {
	if device, ok := s[token]; ok {
		return device, nil
	}
	return todevice.Device{}, todevice.ErrUnknownToken
}

func quiet() *logrus.Entry {
	log, _ := test.NewNullLogger()
	return logrus.NewEntry(log)
}

// answer gives status and errcode of a request.
func answer(t *testing.T, h http.Handler, r *http.Request) (*httptest.ResponseRecorder, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body struct{ Errcode, Error string }
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("body %q: %v", w.Body, err)
		}
	}
	return w, body.Errcode
}

func TestErrorsAreToldByTheirStatusAndTheCauseToTheLogAlone(t *testing.T) {
	for _, c := range []struct {
		err     error
		status  int
		errcode string
		retry   string
		logged  bool
	}{
		{NotJSON("x"), 400, "M_NOT_JSON", "", false},
		{TooLarge("x"), 413, "M_TOO_LARGE", "", false},
		{LimitExceeded("x", 1500e6), 429, "M_LIMIT_EXCEEDED", "2", false},
		{errors.New("secret cause"), 500, "M_UNKNOWN", "", true},
		{context.Canceled, 503, "M_UNKNOWN", "", false},
	} {
		log, hook := test.NewNullLogger()
		h := Endpoint(logrus.NewEntry(log), NoQuery, func(context.Context, struct{}) (Empty, error) { return Empty{}, c.err })
		w, errcode := answer(t, h, httptest.NewRequest("GET", "/", nil))
		if w.Code != c.status || errcode != c.errcode || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%v: got %d %s, Retry-After %q; want %d %s %q", c.err, w.Code, errcode, w.Header().Get("Retry-After"), c.status, c.errcode, c.retry)
		}
		if logged := len(hook.Entries) > 0; logged != c.logged {
			t.Errorf("%v: logged %t, want %t", c.err, logged, c.logged)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("the cause was told: %s", w.Body)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%v: Content-Type %q", c.err, got)
		}
	}
}

func TestTokenIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	auth := sessions{"good": {ID: "D"}}
	h := Authed(quiet(), auth, func(r *http.Request) (struct{}, error) {
		_, err := ReadBody(r, 10)
		return struct{}{}, err
	}, func(_ context.Context, d todevice.Device, _ struct{}) (map[string]string, error) {
		return map[string]string{"device": d.ID}, nil
	})
	for _, c := range []struct {
		name, header, query, body string
		status                    int
		errcode                   string
	}{
		{"no token", "", "", "not JSON", 401, "M_MISSING_TOKEN"},
		{"another scheme", "Basic good", "", "", 401, "M_MISSING_TOKEN"},
		{"unknown token", "Bearer bad", "", "not JSON", 401, "M_UNKNOWN_TOKEN"},
		{"header", "Bearer good", "", "{}", 200, ""},
		{"scheme in lower case", "bearer good", "", "{}", 200, ""},
		{"query", "", "access_token=good", "{}", 200, ""},
		{"header wins", "Bearer good", "access_token=bad", "{}", 200, ""},
		{"header wins, bad", "Bearer bad", "access_token=good", "{}", 401, "M_UNKNOWN_TOKEN"},
		{"not JSON", "Bearer good", "", "NaN", 400, "M_NOT_JSON"},
		{"no body", "Bearer good", "", "", 400, "M_NOT_JSON"},
		{"invalid UTF-8", "Bearer good", "", "\"\xff\"", 400, "M_NOT_JSON"},
		{"at the limit", "Bearer good", "", "[1,2,3,44]", 200, ""},
		{"over the limit", "Bearer good", "", "[1,2,3,444]", 413, "M_TOO_LARGE"},
	} {
		for _, known := range []bool{true, false} {
			r := httptest.NewRequest("PUT", "/x?"+c.query, strings.NewReader(c.body))
			if !known {
				r.ContentLength = -1
			}
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if w, errcode := answer(t, h, r); w.Code != c.status || errcode != c.errcode {
				t.Errorf("%s: got %d %s, want %d %s", c.name, w.Code, errcode, c.status, c.errcode)
			}
		}
	}
}

func TestNullIsNoShape(t *testing.T) {
	var target struct{}
	for _, body := range []string{"null", " null\n", "[]", `"x"`, "1"} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		var answer *Error
		if err := ReadJSON(r, &target); !errors.As(err, &answer) || answer.Status != 400 || !strings.Contains(err.Error(), "M_BAD_JSON") {
			t.Errorf("%s: %v, want M_BAD_JSON", body, err)
		}
	}
}

func TestRouterMatchesThePathAsItWasSent(t *testing.T) {
	r := NewRouter()
	r.Handle("/a/{x}/{y}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, err := PathVar(r, "x")
		if err != nil {
			WriteError(w, quiet(), err)
			return
		}
		_, _ = io.WriteString(w, `{"error":"`+x+`"}`)
	})).Methods("PUT")
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"PUT", "/a/b%2Fc/d", 200, "b/c"},
		{"PUT", "/a/%252F/d", 200, "%2F"},
		{"PUT", "/a/b+c/d", 200, "b+c"},
		{"PUT", "/a/%2E%2E/d", 200, ".."},
		{"PUT", "/a/%ff/d", 400, "M_INVALID_PARAM"},
		{"GET", "/a/b/c", 405, "M_UNRECOGNIZED"},
		{"PUT", "/a/b", 404, "M_UNRECOGNIZED"},
		{"PUT", "//a/b/c", 404, "M_UNRECOGNIZED"},
	} {
		w, _ := answer(t, r, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s: %d %s; want %d %s", c.method, c.path, w.Code, w.Body, c.status, c.body)
		}
	}
}

func TestBrowsersMayUseClientPathsErrorsIncluded(t *testing.T) {
	h := CORS(NewRouter())
	for _, c := range []struct {
		method, path string
		status       int
		cors         bool
	}{
		{"GET", "/_matrix/client/v3/nothing", 404, true},
		{"GET", "/_matrix/media/v3/config", 404, true},
		{"GET", "/.well-known/matrix/client", 404, true},
		{"OPTIONS", "/_matrix/client/v3/sync", 204, true},
		{"OPTIONS", "/anything", 204, false},
		{"GET", "/_matrix/federation/v1/version", 404, false},
		{"POST", "/dev/v2/project/nothing", 404, true},
		{"OPTIONS", "/dev/v2/project/a%2Fb/rtm/users/%2E%2E/peer_messages", 204, true},
		{"GET", "/rtm/openapi.json", 404, true},
		{"OPTIONS", "/dev/v1/kicking-rule", 204, false},
	} {
		w, _ := answer(t, h, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || (w.Header().Get("Access-Control-Allow-Origin") == "*") != c.cors {
			t.Errorf("%s %s: %d, headers %v", c.method, c.path, w.Code, w.Header())
		}
	}
}

func TestPagesMaySendTheHeadersOfRTMAndReadThoseOfItsAnswers(t *testing.T) {
	w, _ := answer(t, CORS(NewRouter()), httptest.NewRequest("OPTIONS", "/dev/v2/project/a/rtm/users/u/peer_messages", nil))
	allowed := strings.Split(strings.ToLower(w.Header().Get("Access-Control-Allow-Headers")), ", ")
	for _, name := range []string{"x-ar-token", "x-ar-uid", "x-agora-token", "x-agora-uid", "authorization", "idempotency-key", "content-type"} {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s may not be sent", name)
		}
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Methods":  "GET, POST, OPTIONS",
		"Access-Control-Expose-Headers": "X-Request-ID, Retry-After",
		"Access-Control-Max-Age":        "7200",
		// With it, a page could use what the browser knows of its user.
		"Access-Control-Allow-Credentials": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestPanicEndsOneRequest(t *testing.T) {
	log, hook := test.NewNullLogger()
	h := Recover(logrus.NewEntry(log), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	if w, errcode := answer(t, h, httptest.NewRequest("GET", "/", nil)); w.Code != 500 || errcode != "M_UNKNOWN" {
		t.Errorf("got %d %s", w.Code, errcode)
	}
	if len(hook.Entries) != 1 {
		t.Errorf("%d lines logged, want one with the stack", len(hook.Entries))
	}
}

func TestAccessLogLeavesTheQueryOut(t *testing.T) {
	for level, lines := range map[logrus.Level]int{logrus.InfoLevel: 0, logrus.DebugLevel: 1} {
		log, hook := test.NewNullLogger()
		log.SetLevel(level)
		answer(t, AccessLog(logrus.NewEntry(log), NewRouter()), httptest.NewRequest("GET", "/a%2Fb?access_token=secret", nil))
		if len(hook.Entries) != lines {
			t.Fatalf("level %v: %d lines, want %d", level, len(hook.Entries), lines)
		}
		if lines == 0 {
			continue
		}
		line, err := hook.LastEntry().String()
		if err != nil || strings.Contains(line, "secret") || hook.LastEntry().Data["status"] != 404 || hook.LastEntry().Data["path"] != "/a%2Fb" {
			t.Errorf("line %s, %v", line, err)
		}
	}
}
