package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An otherServer is a homeserver of another make: its JSON is written in another way,
// and it can be told to misbehave. It stands in for the network, too, so that time is
// that of a test's bubble.
type otherServer struct {
	stages []string // of its one flow of registration
	// copies says how often message n, from 0, of those it takes is in the inbox; nil: once.
	copies func(n int) int
	// rewrite changes a content; nil does not.
	rewrite func(content string) string
	// refuse answers a request instead, if it gives true; nil for none. It is called with
	// the lock.
	refuse func(w http.ResponseWriter, r *http.Request) bool
	// broken has a request fail without an answer after it was served; nil for none. It is
	// called with the lock.
	broken func(r *http.Request) error

	mu       sync.Mutex
	users    map[string]*otherUser // by user ID; guarded by mu
	passed   map[string][]string   // stages, by session; guarded by mu
	seen     map[string]bool       // the paths of PUTs; guarded by mu
	taken    int                   // messages; guarded by mu
	requests int                   // guarded by mu
	removed  []string              // user IDs; guarded by mu
	changed  chan struct{}         // closed at a change; guarded by mu
}

// An otherUser has one device.
type otherUser struct {
	password string
	loggedIn bool
	inbox    []string // events
	first    int      // the position of the first of these
}

func newOtherServer() *otherServer {
	return &otherServer{
		stages: []string{"m.login.dummy"}, users: make(map[string]*otherUser), passed: make(map[string][]string),
		seen: make(map[string]bool), changed: make(chan struct{}),
	}
}

// RoundTrip serves a request as soon as it is made.
func (o *otherServer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		if err := o.broken(r); err != nil {
			return nil, err
		}
	}
	return w.Result(), nil
}

func (o *otherServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		time.Sleep(time.Millisecond) // the work it is
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests++
	if o.refuse != nil && o.refuse(w, r) {
		return
	}
	userID := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token of ")
	user := o.users[userID]
	switch known := user != nil && user.loggedIn; {
	case r.URL.Path == "/_matrix/client/versions":
		fmt.Fprint(w, `{"unstable_features": {}, "versions": ["r0.6.1", "v1.11"]}`)
	case r.URL.Path == registerPath:
		o.register(w, r)
	case r.URL.Path == loginPath:
		o.logIn(w, r)
	case !known:
		refuse(w, http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
	case r.URL.Path == deactivatePath:
		o.deactivate(w, r, userID)
	case r.URL.Path == logoutPath:
		user.loggedIn = false
		fmt.Fprint(w, "{}")
	case r.Method == http.MethodPut:
		o.send(w, r, userID)
	case r.URL.Path == syncPath:
		o.sync(w, r, user)
	default:
		refuse(w, http.StatusNotFound, "M_UNRECOGNIZED")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": "No.", "errcode": %q}`, code)
}

// An otherBody is what a request may say.
type otherBody struct {
	Auth struct {
		Type, Session, Token, Password string
	}
	Username, Password string
	Identifier         struct{ User string }
	Messages           map[string]map[string]json.RawMessage
}

func bodyOf(r *http.Request) (body otherBody) {
	_ = json.NewDecoder(r.Body).Decode(&body) // a wrong one says nothing
	return body
}

// register wants the stages one after the other, each with the session.
func (o *otherServer) register(w http.ResponseWriter, r *http.Request) {
	body := bodyOf(r)
	session := body.Auth.Session
	if session == "" {
		session = fmt.Sprint("session ", len(o.passed))
		o.passed[session] = []string{}
	} else if body.Auth.Type != "m.login.registration_token" || body.Auth.Token == "let me in" {
		o.passed[session] = append(o.passed[session], body.Auth.Type)
	}
	if passed := o.passed[session]; len(passed) < len(o.stages) {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"session": session, "completed": passed, "params": map[string]any{},
			"flows": []any{map[string]any{"stages": []string{"m.login.recaptcha"}}, map[string]any{"stages": o.stages}},
		})
		return
	}
	userID := "@" + body.Username + ":other.test"
	o.users[userID] = &otherUser{password: body.Password, loggedIn: true, first: 1}
	answerLoggedIn(w, userID)
}

func answerLoggedIn(w http.ResponseWriter, userID string) {
	fmt.Fprintf(w, `{"access_token": "token of %s", "device_id": "ONE", "user_id": %q, "home_server": "other.test"}`, userID, userID)
}

func (o *otherServer) logIn(w http.ResponseWriter, r *http.Request) {
	body := bodyOf(r)
	userID := "@" + body.Identifier.User + ":other.test"
	user := o.users[userID]
	if user == nil || user.password != body.Password {
		refuse(w, http.StatusForbidden, "M_FORBIDDEN")
		return
	}
	user.loggedIn = true
	answerLoggedIn(w, userID)
}

func (o *otherServer) deactivate(w http.ResponseWriter, r *http.Request, userID string) {
	if body := bodyOf(r); body.Auth.Session != "for "+userID || body.Auth.Password != o.users[userID].password {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"flows": [{"stages": ["m.login.password"]}], "params": {}, "session": "for %s"}`, userID)
		return
	}
	delete(o.users, userID)
	o.removed = append(o.removed, userID)
	fmt.Fprint(w, `{"id_server_unbind_result": "no-support"}`)
}

func (o *otherServer) send(w http.ResponseWriter, r *http.Request, sender string) {
	eventType := strings.Split(r.URL.Path, "/")[5]
	for userID, devices := range bodyOf(r).Messages {
		if o.seen[r.URL.Path+sender] {
			break
		}
		o.seen[r.URL.Path+sender] = true
		copies := 1
		if o.copies != nil {
			copies = o.copies(o.taken)
		}
		o.taken++
		content := otherwise(devices["ONE"])
		if o.rewrite != nil {
			content = o.rewrite(content)
		}
		for range copies {
			event := fmt.Sprintf(`{ "sender" :%q, "content" : %s, "type":%q }`, sender, content, eventType)
			o.users[userID].inbox = append(o.users[userID].inbox, event)
		}
	}
	close(o.changed)
	o.changed = make(chan struct{})
	fmt.Fprint(w, "{ }")
}

// otherwise writes an object with its members turned round, with white space, and with
// an escape.
func otherwise(object json.RawMessage) string {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(object, &m) // the generator writes no other
	var out bytes.Buffer
	for i, name := range []string{"seq", "pad", "from", "at"} {
		out.WriteString([]string{"{\n", ",\n", ",\n", ",\n"}[i])
		fmt.Fprintf(&out, "  %q: %s", name, strings.Replace(string(m[name]), `"x`, `"\u0078`, 1))
	}
	return out.String() + "\n}"
}

// sync takes the lock away while it waits.
func (o *otherServer) sync(w http.ResponseWriter, r *http.Request, user *otherUser) {
	query, _ := url.ParseQuery(r.URL.RawQuery)
	timeout, _ := strconv.Atoi(query.Get("timeout"))
	since, _ := strconv.Atoi(strings.TrimPrefix(query.Get("since"), "s+"))
	for ; user.first <= since && len(user.inbox) > 0; user.first++ {
		user.inbox = user.inbox[1:]
	}
	timer := time.NewTimer(time.Duration(timeout) * time.Millisecond)
	defer timer.Stop()
	for ended := false; len(user.inbox) == 0 && !ended; {
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			ended = true
		case <-r.Context().Done():
			ended = true
		}
		o.mu.Lock()
	}
	fmt.Fprintf(w, `{ "to_device" : { "events" : [ %s ] }, "next_batch":"s+%d" }`,
		strings.Join(user.inbox, " , "), user.first+len(user.inbox)-1)
}

// at gives the way to a server that is reached through a transport.
func at(t *testing.T, transport http.RoundTripper) *homeserver {
	t.Helper()
	base, err := parseBase("http://other.test/")
	if err != nil {
		t.Fatal(err)
	}
	return &homeserver{base: base, transport: transport, say: t.Logf}
}
