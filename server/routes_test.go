package server

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/todevice"
)

// A whole is a whole server whose listeners nobody connects to, and a peer whose
// signature it can check.
type whole struct {
	t      *testing.T
	server *Server
	cfg    config.Config
	peer   *remotetest.Server
	spec   *matrixspec.Spec
	logs   *logs
	given  []string // the tokens in all answers so far
}

func newWhole(t *testing.T, driver string) *whole {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName = "here.test"
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	cfg.Client.Listen, cfg.Federation.Listen, cfg.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Client.BaseURL = "https://here.test"
	cfg.Registration.Open, cfg.Registration.SharedSecret = true, secret+" of registration"
	cfg.RateLimits.Enabled = false
	cfg.TURN = config.TURN{URIs: []string{"turn:here.test"}, SharedSecret: secret, Lifetime: time.Hour}
	cfg.RTM.Apps = []config.RTMApp{{
		ID: "0123456789abcdef0123456789abcdef", Certificate: secret + "0123456789abcdef0123456789",
		Keys: []config.RTMKey{{Key: "the-key", Secret: secret}},
	}}
	w := &whole{t: t, cfg: cfg, logs: new(logs), peer: &remotetest.Server{Name: "peer.test", ValidUntil: time.Now().Add(time.Hour)}}
	w.peer.Keys = append(w.peer.Keys, remotetest.Key("1"))
	keys := direct{http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(w.peer.Object()) })}
	var err error
	if w.server, err = NewIn(Environment{Driver: driver, Transport: keys}, cfg, w.logs.entry()); err != nil {
		t.Fatal(err)
	}
	if w.spec, err = matrixspec.Load(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.server.close(); err != nil {
			t.Error(err)
		}
	})
	w.user("bob")
	return w
}

// handler gives what answers at a listener.
func (w *whole) handler(name string) http.Handler {
	i := slices.IndexFunc(w.server.listeners, func(l *listener) bool { return l.name == name })
	return w.server.listeners[i].http.Handler
}

// user makes a user with the device D, and gives its access token.
func (w *whole) user(localpart string) (token string) {
	w.t.Helper()
	token = secret + " of " + localpart
	err := w.server.store.CreateUser(w.t.Context(), todevice.Account{Localpart: localpart})
	if err == nil {
		_, err = w.server.store.Login(w.t.Context(), localpart, todevice.Login{DeviceID: "D", Token: token})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// An endpoint is a route of one of the two routers.
type endpoint struct {
	method, template string
	handler          http.Handler
}

// endpoints lists every route. Those without a method are refusals.
func (w *whole) endpoints() (list []endpoint) {
	w.t.Helper()
	for router, handler := range map[*mux.Router]http.Handler{
		w.server.clients: w.handler("client"), w.server.servers: w.handler("federation"),
	} {
		err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
			template, err := route.GetPathTemplate()
			if err != nil {
				return err
			}
			methods, _ := route.GetMethods()
			for _, method := range methods {
				list = append(list, endpoint{method, template, handler})
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	slices.SortFunc(list, func(a, b endpoint) int { return strings.Compare(a.template+a.method, b.template+b.method) })
	return list
}

// Every endpoint of the server has a row in the table, refuses what is not as the row
// says with the error that is specified, and changes nothing in the database then.
func TestEveryEndpointRefusesWhatIsBadAndChangesNothing(t *testing.T) {
	w := newWhole(t, "")
	allowed := make(map[string][]string) // the methods of each template
	for _, e := range w.endpoints() {
		allowed[e.template] = append(allowed[e.template], e.method)
	}
	w.each(func(c *calls) {
		c.first()
		before := w.dump()
		c.credentials()
		c.paths()
		c.bodies()
		c.wrongMethods(allowed[c.e.template])
		if after := w.dump(); !maps.Equal(before, after) {
			c.t.Errorf("bad requests changed the database:\n%s", difference(before, after))
		}
		if c.row.foreign == fine {
			c.foreign() // is as good
		}
		c.expect("a good request", c.good(), either(c.row.good, fine))
	})
}

// each calls do for every endpoint, in a test and with a user of its own. An endpoint
// without a row fails the test, and a row without an endpoint.
func (w *whole) each(do func(*calls)) {
	w.t.Helper()
	rows := make(map[string]row)
	for _, r := range table {
		for _, prefix := range []string{"/_matrix/client/v3", "/_matrix/client/r0"} {
			rows[strings.Replace(r.route, "{v3}", prefix, 1)] = r
		}
		if strings.Contains(r.route, "{any}") {
			delete(rows, r.route)
			for _, version := range []string{"v3", "r0", "unstable"} {
				rows[strings.Replace(r.route, "{any}", "/_matrix/client/"+version, 1)] = r
			}
		}
	}
	for i, e := range w.endpoints() {
		route := e.method + " " + e.template
		r, ok := rows[route]
		if !ok {
			w.t.Errorf("%s has no row in the table", route)
			continue
		}
		delete(rows, route)
		if r.kind == sdk {
			continue
		}
		w.t.Run(route, func(t *testing.T) { do(newCalls(t, w, e, r, fmt.Sprintf("user%d", i))) })
	}
	for route := range rows {
		w.t.Errorf("%s has a row, but is no endpoint", route)
	}
}

// calls are the requests to one endpoint.
type calls struct {
	t    *testing.T
	w    *whole
	e    endpoint
	row  row
	user string // a localpart
	// token is the user's, since a token of its /sync.
	token, since string
	// txn is part of transaction IDs.
	txn int
}

func newCalls(t *testing.T, w *whole, e endpoint, r row, user string) *calls {
	return &calls{t: t, w: w, e: e, row: r, user: user, token: w.user(user)}
}

// A call is one request, nothing of it as it should be unless it is made so.
type call struct {
	method, path, query string
	body                io.Reader // nil for none
	size                int64     // of body
	header              http.Header
}

// good gives a request that is as it should be.
func (c *calls) good() call {
	q := call{method: c.e.method, path: c.path(nil), query: c.fill(c.row.query)}.with(c.fill(c.row.body))
	q.header = c.authorization(q)
	return q
}

func (q call) with(body string) call {
	q.body, q.size = nil, 0
	if body != "" {
		q.body, q.size = strings.NewReader(body), int64(len(body))
	}
	return q
}

func (q call) uri() string {
	if q.query == "" {
		return q.path
	}
	return q.path + "?" + q.query
}

// authorization makes the header that the endpoint wants.
func (c *calls) authorization(q call) http.Header {
	switch c.row.kind {
	case authed:
		return http.Header{"Authorization": {"Bearer " + c.token}}
	case rtm:
		header := http.Request{Header: http.Header{}}
		header.SetBasicAuth("the-key", secret)
		return header.Header
	case signed:
		return http.Header{"Authorization": {c.sign(q)}}
	}
	return nil
}

// sign signs a request as the peer, and leaves its body to be read again. What has no
// canonical form is signed as if it had no body.
func (c *calls) sign(q call) string {
	s := remotetest.Signing{
		Key: c.w.peer.Keys[0], Method: q.method, URI: q.uri(), Origin: "peer.test", Destination: "here.test", SignedFor: "here.test",
	}
	if body, ok := q.body.(*strings.Reader); ok {
		text, _ := io.ReadAll(body)
		_, _ = body.Seek(0, io.SeekStart)
		if utf8.Valid(text) && json.Valid(text) {
			s.Body = text
		}
	}
	return s.Header(c.t)
}

var variable = regexp.MustCompile(`\{(\w+)(:[^}]*)?\}`)

// path fills the template, each variable from other or with what fits.
func (c *calls) path(other map[string]string) string {
	return variable.ReplaceAllStringFunc(c.e.template, func(v string) string {
		name := variable.FindStringSubmatch(v)[1]
		if value, ok := other[name]; ok {
			return value
		}
		return c.value(name)
	})
}

func (c *calls) value(name string) string {
	if c.row.kind == rtm && name == "userId" {
		return c.user // RTM's users have names of their own
	}
	switch name {
	case "userId":
		return "@" + c.user + ":here.test"
	case "deviceId":
		return "D"
	case "field":
		return "displayname"
	case "serverName":
		return "here.test"
	case "keyId":
		return "ed25519:1"
	case "appId":
		return "0123456789abcdef0123456789abcdef"
	case "roomId":
		return "!room:here.test"
	case "eventType":
		return "m.test"
	case "kind":
		return "override"
	}
	return fmt.Sprint(name, "-", c.user, "-", c.txn)
}

// fill puts what fits into a body or a query.
func (c *calls) fill(body string) string {
	return strings.NewReplacer("{userId}", c.value("userId"), "{userId.localpart}", c.user, "{deviceId}", "D", "{since}", c.since).Replace(body)
}

// An answer is what came back for a call.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (c *calls) do(q call) answer {
	c.t.Helper()
	body := q.body
	if body == nil {
		body = http.NoBody
	}
	request := httptest.NewRequestWithContext(c.t.Context(), q.method, q.uri(), body)
	request.ContentLength = q.size
	maps.Copy(request.Header, q.header)
	recorder := httptest.NewRecorder()
	c.e.handler.ServeHTTP(recorder, request)
	a := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if err := json.Unmarshal(recorder.Body.Bytes(), &a.body); err != nil {
		c.t.Errorf("%s %s: the answer is no object: %s", q.method, q.uri(), a.raw)
	}
	c.w.given = append(c.w.given, a.secrets()...)
	return a
}

// expect makes a call and checks all that every answer must have.
func (c *calls) expect(what string, q call, want outcome) {
	c.t.Helper()
	a := c.do(q)
	if got := a.outcome(c.row.kind); got != want {
		c.t.Errorf("%s: %s %s: got %s, want %s (%.300s)", what, q.method, q.uri(), got, want, a.raw)
	}
	checkForm(c.t, what, q.path, a, c.row.kind)
	if !strings.HasPrefix(q.path, "/_matrix/") {
		return
	}
	err := c.w.spec.Check(matrixspec.Answer{
		Method: q.method, Path: q.path, Status: a.status, ContentType: a.header.Get("Content-Type"), Body: []byte(a.raw),
	})
	if err != nil {
		c.t.Errorf("%s: %s %s: %d is not as specified: %v\n%s", what, q.method, q.path, a.status, err, a.raw)
	}
}

// checkForm checks what every answer must have, success or not.
func checkForm(t *testing.T, what, path string, a answer, k kind) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: Content-Type %q", what, kind)
	}
	if strings.HasPrefix(path, "/dev/v2/") && (a.header.Get("Access-Control-Allow-Origin") != "*" ||
		a.header.Get("Access-Control-Expose-Headers") != "X-Request-ID, Retry-After") {
		t.Errorf("%s: a web page may not read the answer: %v", what, a.header)
	}
	if forBrowsers(path) && (a.header.Get("Access-Control-Allow-Origin") != "*" ||
		a.header.Get("Access-Control-Allow-Methods") != "GET, POST, PUT, DELETE, OPTIONS" ||
		a.header.Get("Access-Control-Allow-Headers") != "X-Requested-With, Content-Type, Authorization") {
		t.Errorf("%s: a web page may not read the answer: %v", what, a.header)
	}
	if a.status < http.StatusBadRequest {
		return
	}
	words := []string{"errcode", "error"}
	if k == rtm {
		words = []string{"code", "message", "request_id"}
	}
	if flows, ok := a.body["flows"].([]any); ok && len(flows) > 0 && a.status == http.StatusUnauthorized {
		words = []string{"session"}
	}
	for _, word := range words {
		if text, _ := a.body[word].(string); text == "" {
			t.Errorf("%s: the answer has no %s: %s", what, word, a.raw)
		}
	}
}

// forBrowsers tells the paths that web pages use.
func forBrowsers(path string) bool {
	return strings.HasPrefix(path, "/_matrix/client") || strings.HasPrefix(path, "/_matrix/media") ||
		strings.HasPrefix(path, "/.well-known/matrix/")
}

func (a answer) outcome(k kind) outcome {
	member := "errcode"
	if k == rtm {
		member = "code"
	}
	code, _ := a.body[member].(string)
	if a.status == http.StatusOK {
		code = ""
	}
	return outcome(strings.TrimSpace(fmt.Sprint(a.status, " ", code)))
}

func either(this, otherwise outcome) outcome {
	if this == "" {
		return otherwise
	}
	return this
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch}

// wrongMethods tries the methods the path does not take, with a body that would do.
func (c *calls) wrongMethods(allowed []string) {
	want := outcome("405 M_UNRECOGNIZED")
	if c.row.kind == rtm {
		want = "405 method_not_allowed"
	}
	for _, method := range methods {
		if !slices.Contains(allowed, method) {
			q := c.good()
			q.method = method
			c.expect("wrong method", q, want)
		}
	}
}

func TestUnknownPathsAreUnrecognizedUnderEveryPrefix(t *testing.T) {
	w := newWhole(t, "")
	for _, name := range []string{"client", "federation"} {
		c := &calls{t: t, w: w, e: endpoint{handler: w.handler(name)}}
		for _, path := range []string{
			"/_matrix/client", "/_matrix/client/", "/_matrix/client/v3/", "/_matrix/client/v3/nothing", "/_matrix/client/v4/sync",
			"/_matrix/client/v1/auth_metadata", "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
			"/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync",
			"/_matrix/client/v3/sync/", "/_matrix/client//v3/sync", "/_matrix/client/v3/devices/a/b",
			"/_matrix/federation/v1/nothing", "/_matrix/federation/v3/send/1", "/_matrix/key/v2/nothing", "/_matrix/key/v1/server",
			"/_matrix/media/v3/download/a/b", "/_matrix/media/v1/create", "/_matrix/other", "/_matrix", "/_matrix/", "/.well-known/matrix/nothing",
			"/_synapse/admin/v2/users", "/nothing", "/",
		} {
			if name == "federation" && forBrowsers(path) {
				continue // browsers have no business there
			}
			for _, method := range methods {
				c.expect("unknown path", call{method: method, path: path}.with(`{}`), "404 M_UNRECOGNIZED")
			}
		}
	}
}

func TestEveryPathForClientsAnswersPreflightRequests(t *testing.T) {
	w := newWhole(t, "")
	paths := map[string]http.Handler{"/_matrix/client/v3/nothing": w.handler("client")}
	for _, e := range w.endpoints() {
		if forBrowsers(e.template) || strings.HasPrefix(e.template, "/dev/v2/") {
			paths[e.template] = e.handler
		}
	}
	for path, handler := range paths {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodOptions, path, nil))
		if recorder.Code != http.StatusNoContent || recorder.Header().Get("Access-Control-Allow-Origin") != "*" || recorder.Body.Len() != 0 {
			t.Errorf("OPTIONS %s: %d %v %s", path, recorder.Code, recorder.Header(), recorder.Body)
		}
	}
}

// sizeLimit is the size up to which the endpoint reads a body.
func (c *calls) sizeLimit() int64 {
	switch {
	case c.row.limit != 0:
		return c.row.limit
	case c.row.kind == signed:
		return 16 << 20
	}
	return httpapi.DefaultBodyLimit
}
