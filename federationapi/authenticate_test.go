package federationapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/todevice"
)

// sending is a good request; the rows of the tests change it.
func sending(body string) remotetest.Signing {
	return remotetest.Signing{
		Key: remotetest.Key("1"), Method: http.MethodPut, URI: "/_matrix/federation/v1/send/1",
		Origin: there, Destination: here, SignedFor: here, Body: json.RawMessage(body),
	}
}

func TestOnlyWhatWasSignedIsTaken(t *testing.T) {
	body := transaction(edu("m", `{"@alice:here.test":{"D":{"a\"b":-0.5,"big":12345678901234567890}}}`))
	for _, c := range []struct {
		name    string
		change  func(s *remotetest.Signing)
		header  func(string) []string
		uri     string
		body    string
		status  int
		errcode string
		reason  string // by which it is counted
	}{
		{name: "as signed", status: 200},
		{name: "body written differently", body: strings.Replace(body, `"a\"b":-0.5`, ` "a\u0022b" : -0.5 `, 1), status: 200},
		{name: "no destination in the header", change: func(s *remotetest.Signing) { s.Destination = "" }, status: 200},
		{name: "a URI with escapes", change: func(s *remotetest.Signing) { s.URI = "/_matrix/federation/v1/send/a%2fb%20?x=%41" }, uri: "/_matrix/federation/v1/send/a%2fb%20?x=%41", status: 200},
		{name: "a URI that Go would write otherwise", change: func(s *remotetest.Signing) { s.URI = "/_matrix/federation/v1/send/a|b" }, status: 200},
		{name: "scheme and names in another case", header: func(h string) []string {
			return []string{strings.NewReplacer("X-Matrix", "x-matrix", "origin", "ORIGIN", "sig", "Sig").Replace(h)}
		}, status: 200},
		{name: "one good header of several", header: func(h string) []string {
			return []string{"Bearer x", "X-Matrix nonsense", strings.Replace(h, `sig="`, `sig="AA`, 1), h}
		}, status: 200},
		{name: "spaces and tabs", header: func(h string) []string {
			return []string{strings.NewReplacer(",", " \t,\t ", "=\"", " =\t\"", "X-Matrix ", "X-Matrix \t").Replace(h)}
		}, status: 200},
		{name: "without quotes", header: func(h string) []string { return []string{strings.ReplaceAll(h, `"`, "")} }, status: 200},
		{name: "escapes in quotes", header: func(h string) []string {
			return []string{strings.NewReplacer("there.test", `there\.test`, "ed25519:", `ed25519\:`).Replace(h)}
		}, status: 200},
		{name: "in another order, with more", header: func(h string) []string {
			parts := strings.Split(strings.TrimPrefix(h, "X-Matrix "), ",")
			slices.Reverse(parts)
			return []string{"X-Matrix extra=1," + strings.Join(parts, ",") + `,more="a,b"`}
		}, status: 200},
		{name: "twice the same header", header: func(h string) []string { return []string{h, h} }, status: 200},
		{name: "one header for another server", header: func(h string) []string { return []string{strings.Replace(h, `"here.test`, `"else.test`, 1), h} }, status: 200},
		{name: "of a name that comes twice in the body the last counts", body: strings.Replace(body, `"edus":`, `"edus":[],"edus":`, 1), status: 200},

		{name: "no header", header: func(string) []string { return nil }, status: 401, errcode: "M_UNAUTHORIZED", reason: "missing_header"},
		{name: "another scheme", header: func(h string) []string { return []string{"Bearer " + h} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "missing_header"},
		{name: "malformed", header: func(h string) []string { return []string{h[:len(h)-1]} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "malformed_header"},
		{name: "no base64", header: func(h string) []string { return []string{strings.Replace(h, `sig="`, `sig="*`, 1)} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "malformed_header"},
		{name: "signature cut off", header: func(h string) []string { return []string{h[:len(h)-5] + `"`} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "malformed_header"},
		{name: "another body", body: strings.Replace(body, "-0.5", "-0.6", 1), status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "a number one off", body: strings.Replace(body, "67890", "67891", 1), status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "another path", uri: "/_matrix/federation/v1/send/2", status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "the path decoded", change: func(s *remotetest.Signing) { s.URI = "/_matrix/federation/v1/send/a b" }, uri: "/_matrix/federation/v1/send/a%20b", status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "an escaped slash taken for one", change: func(s *remotetest.Signing) { s.URI = "/_matrix/federation/v1/send/a/" }, uri: "/_matrix/federation/v1/send/a%2F", status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "a parameter twice", header: func(h string) []string { return []string{h + `,origin="there.test"`} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "malformed_header"},
		{name: "a query added", uri: "/_matrix/federation/v1/send/1?x", status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "another method", change: func(s *remotetest.Signing) { s.Method = "POST" }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "signed without the body", change: func(s *remotetest.Signing) { s.Body = nil }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "signed for another server", change: func(s *remotetest.Signing) { s.SignedFor = "else.test" }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "sent to another server", change: func(s *remotetest.Signing) { s.Destination, s.SignedFor = "else.test", "else.test" }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_destination"},
		{name: "another destination in the header", change: func(s *remotetest.Signing) { s.Destination = "HERE.test" }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_destination"},
		{name: "another key under the ID", change: func(s *remotetest.Signing) { s.Key.Private = remotetest.Key("2").Private }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "an unknown key", change: func(s *remotetest.Signing) { s.Key = remotetest.Key("2") }, status: 401, errcode: "M_UNAUTHORIZED", reason: "unknown_key"},
		{name: "another origin with a key of its own", change: func(s *remotetest.Signing) { s.Origin = "else.test" }, status: 403, errcode: "M_FORBIDDEN", reason: "foreign_body"},
		{name: "another origin in the header", header: func(h string) []string { return []string{strings.Replace(h, "there", "else", 1)} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "wrong_signature"},
		{name: "two origins", header: func(h string) []string { return []string{h, strings.Replace(h, "there", "else", 1)} }, status: 401, errcode: "M_UNAUTHORIZED", reason: "different_origins"},
		{name: "our own name", change: func(s *remotetest.Signing) { s.Origin, s.Key = here, remotetest.Key("here") }, status: 401, errcode: "M_UNAUTHORIZED", reason: "own_name"},
		{name: "an origin with no port in its port", change: func(s *remotetest.Signing) { s.Origin = "there.test:port" }, status: 400, errcode: "M_INVALID_PARAM", reason: "bad_origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, options{})
			h.knows(there, remotetest.Key("1"), 0)
			h.knows("else.test", remotetest.Key("1"), 0)
			h.knows(here, remotetest.Key("here"), 0)
			inbox := h.device("alice", "D")
			signing := sending(body)
			if c.change != nil {
				c.change(&signing)
			}
			headers := []string{signing.Header(t)}
			if c.header != nil {
				headers = c.header(headers[0])
			}
			uri, sent := signing.URI, body
			if c.uri != "" {
				uri = c.uri
			}
			if c.body != "" {
				sent = c.body
			}
			expect(t, h.request(http.MethodPut, uri, sent, headers...), c.status, c.errcode)
			if got := len(h.events(inbox)); (got == 1) != (c.status == 200) {
				t.Errorf("%d events delivered", got)
			}
			if heard := len(h.alive) == 1; heard != (c.status == 200 || c.status == 403) {
				t.Errorf("heard of %v", h.alive)
			}
			if c.reason != "" && h.refused(c.reason) != 1 {
				t.Errorf("not counted as %s", c.reason)
			}
		})
	}
}

func TestBodyIsCheckedBeforeItIsTaken(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		errcode    string
	}{
		{"none", ``, 400, "M_NOT_JSON"},
		{"empty", ` `, 400, "M_NOT_JSON"},
		{"no JSON", `{"edus":[}`, 400, "M_NOT_JSON"},
		{"no UTF-8", "{\"a\":\"\xff\"}", 400, "M_NOT_JSON"},
		{"no canonical form", `{"a":"\ud800"}`, 400, "M_BAD_JSON"},
		{"no object", `[]`, 401, "M_UNAUTHORIZED"},
		{"too large", `{"a":"` + strings.Repeat("x", federationapi.MaxBody) + `"}`, 413, "M_TOO_LARGE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, options{})
			h.knows(there, remotetest.Key("1"), 0)
			signing := sending("")
			signing.Body = nil
			expect(t, h.request(http.MethodPut, signing.URI, c.body, signing.Header(t)), c.status, c.errcode)
			if c.status != 401 && c.name != "none" && h.refused("bad_body") != 1 {
				t.Error("not counted as bad_body")
			}
		})
	}
}

// Content is part of what is signed exactly if there is a body, and {} is one.
func TestContentIsSignedIfThereIsABody(t *testing.T) {
	const devices = "/_matrix/federation/v1/user/devices/@alice:here.test"
	for _, c := range []struct {
		name, method, uri, body, signed string
		status                          int
	}{
		{"GET", http.MethodGet, devices, "", "", 200},
		{"GET, signed with {}", http.MethodGet, devices, "", "{}", 401},
		{"PUT of {}", http.MethodPut, send + "1", "{}", "{}", 200},
		{"PUT of {}, signed without", http.MethodPut, send + "1", "{}", "", 401},
		{"PUT of {}, signed with null", http.MethodPut, send + "1", "{}", "null", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, options{})
			h.knows(there, remotetest.Key("1"), 0)
			h.device("alice", "D")
			s := sending("")
			if s.Method, s.URI, s.Body = c.method, c.uri, nil; c.signed != "" {
				s.Body = json.RawMessage(c.signed)
			}
			if w := h.request(c.method, c.uri, c.body, s.Header(t)); w.Code != c.status {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.status)
			}
		})
	}
}

// brokenKeys is a storage that is down.
type brokenKeys struct{ federationapi.KeyStore }

func (brokenKeys) ServerKeys(context.Context, spec.ServerName) ([]todevice.ServerKey, error) {
	return nil, errors.New("disk on fire")
}

func TestStorageFaultIsNotTheOriginsFault(t *testing.T) {
	h := newHouse(t, options{keys: brokenKeys{}})
	expect(t, h.put(there, remotetest.Key("1"), "/_matrix/federation/v1/send/1", transaction()), 500, "M_UNKNOWN")
}
