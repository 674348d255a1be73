package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
)

// An internet brings requests to the servers of one process, by their names.
type internet struct {
	mu      sync.Mutex
	servers map[string]http.Handler // guarded by mu
}

// RoundTrip gives the answer of the server that is asked.
func (n *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	handler := n.servers[r.URL.Hostname()]
	n.mu.Unlock()
	if handler == nil {
		return nil, fmt.Errorf("there is no server %s", r.URL.Hostname())
	}
	return direct{handler}.RoundTrip(r)
}

// direct gives the answers of a handler. Like a connection, it hands on nothing but
// the request as it was written.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	request := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), body)
	request.Header, request.Host = r.Header, r.Host
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, request)
	return w.Result(), nil
}

// join starts a server that reaches the others, and is reached by them. gate, if not
// nil, stands before it.
func (n *internet) join(t *testing.T, name spec.ServerName, gate func(http.Handler) http.Handler) *running {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName = name
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	cfg.Client.Listen, cfg.Federation.Listen = "", ""
	cfg.Federation.Hosts = map[spec.ServerName]string{"a.test": "a.test:1", "b.test": "b.test:1", "down.test": "down.test:1"}
	cfg.Registration.Open = true
	log, _ := test.NewNullLogger()
	s, err := NewIn(Environment{Transport: n}, cfg, logrus.NewEntry(log))
	if err != nil {
		t.Fatal(err)
	}
	handler := s.FederationHandler()
	if gate != nil {
		handler = gate(handler)
	}
	n.mu.Lock()
	n.servers[string(name)] = handler
	n.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	return &running{t: t, server: s, url: "http://" + string(name), http: http.Client{Transport: direct{s.ClientHandler()}}}
}

// post makes a request that must succeed.
func (r *running) post(path, token, body string) map[string]any {
	r.t.Helper()
	status, answer := r.do("POST", "/_matrix/client/v3/"+path, token, body)
	if status != 200 {
		r.t.Fatalf("%s: %d %v", path, status, answer)
	}
	return answer
}

// Alice of one server uploads keys; Bob of the other queries and claims them, each
// one-time key once, and learns of a server that is down.
func TestKeysAreQueriedAndClaimedAcrossServers(t *testing.T) {
	n := &internet{servers: make(map[string]http.Handler)}
	a, b := n.join(t, "a.test", nil), n.join(t, "b.test", nil)
	alice, bob := a.register("alice"), b.register("bob")
	a.post("keys/upload", alice, `{"device_keys":{"user_id":"@alice:a.test","device_id":"D","algorithms":["m.olm"],`+
		`"keys":{"ed25519:D":"k"},"signatures":{"@alice:a.test":{"ed25519:D":"sig"}}},`+
		`"one_time_keys":{"signed_curve25519:1":{"key":"one"}},"fallback_keys":{"signed_curve25519:F":{"key":"fallback","fallback":true}}}`)
	if status, answer := a.do("PUT", "/_matrix/client/v3/profile/@alice:a.test/displayname", alice, `{"displayname":"Alice"}`); status != 200 {
		t.Fatalf("set the profile: %d %v", status, answer)
	}

	query := b.post("keys/query", bob, `{"device_keys":{"@alice:a.test":[],"@nobody:a.test":[],"@x:down.test":[]}}`)
	want := map[string]any{"@alice:a.test": map[string]any{"D": map[string]any{
		"user_id": "@alice:a.test", "device_id": "D", "algorithms": []any{"m.olm"}, "keys": map[string]any{"ed25519:D": "k"},
		"signatures": map[string]any{"@alice:a.test": map[string]any{"ed25519:D": "sig"}},
	}}}
	if !reflect.DeepEqual(query["device_keys"], want) {
		t.Errorf("queried %v, want %v", query["device_keys"], want)
	}
	if failures, _ := query["failures"].(map[string]any); len(failures) != 1 || failures["down.test"] == nil {
		t.Errorf("failures %v, want that of down.test", failures)
	}
	for _, key := range []string{"one", "fallback", "fallback"} {
		claim := b.post("keys/claim", bob, `{"one_time_keys":{"@alice:a.test":{"D":"signed_curve25519"},"@nobody:a.test":{"D":"signed_curve25519"}}}`)
		users, _ := claim["one_time_keys"].(map[string]any)
		devices, _ := users["@alice:a.test"].(map[string]any)
		keys, _ := devices["D"].(map[string]any)
		if len(users) != 1 || len(keys) != 1 {
			t.Fatalf("claimed %v", claim)
		}
		for _, claimed := range keys {
			if claimed.(map[string]any)["key"] != key {
				t.Errorf("claimed %v, want %s", claimed, key)
			}
		}
	}
	if _, profile := b.do("GET", "/_matrix/client/v3/profile/@alice:a.test", "", ""); profile["displayname"] != "Alice" {
		t.Errorf("the profile is %v", profile)
	}
	if status, answer := b.do("GET", "/_matrix/client/v3/profile/@nobody:a.test", "", ""); status != 404 {
		t.Errorf("the profile of nobody: %d %v", status, answer)
	}
	token, _ := a.post("user/@alice:a.test/openid/request_token", alice, `{}`)["access_token"].(string)
	w := httptest.NewRecorder()
	a.server.FederationHandler().ServeHTTP(w, httptest.NewRequest("GET", "/_matrix/federation/v1/openid/userinfo?access_token="+token, nil))
	if w.Body.String() != `{"sub":"@alice:a.test"}` {
		t.Errorf("the token is that of %s", w.Body)
	}
}

// joinBusy starts b.test. It wishes at its first request to be left alone for an
// hour, and closes busy; then it answers as then says.
func (n *internet) joinBusy(t *testing.T, then func(http.Handler) http.Handler) (b *running, busy <-chan struct{}) {
	t.Helper()
	answered := make(chan struct{})
	b = n.join(t, "b.test", func(next http.Handler) http.Handler {
		later := then(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-answered:
				later.ServeHTTP(w, r)
			default:
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusServiceUnavailable)
				close(answered)
			}
		})
	})
	return b, answered
}

func (r *running) sendToBob(token string) {
	r.t.Helper()
	status, answer := r.do("PUT", "/_matrix/client/v3/sendToDevice/t/1", token, `{"messages":{"@bob:b.test":{"*":{"n":1}}}}`)
	if status != 200 {
		r.t.Fatalf("send: %d %v", status, answer)
	}
}

// A server that wished to be left alone for an hour is sent what waits for it as
// soon as it answers a question.
func TestAnswerOfAServerEndsItsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &internet{servers: make(map[string]http.Handler)}
		b, busy := n.joinBusy(t, func(next http.Handler) http.Handler { return next })
		a := n.join(t, "a.test", nil)
		alice, bob := a.register("alice"), b.register("bob")
		a.sendToBob(alice)
		<-busy
		time.Sleep(time.Minute)
		if got := b.waiting(bob); len(got) != 0 {
			t.Fatalf("bob has %v: the queue does not back off", got)
		}
		a.post("keys/query", alice, `{"device_keys":{"@bob:b.test":[]}}`)
		time.Sleep(time.Second)
		if got := b.waiting(bob); len(got) != 1 {
			t.Errorf("bob has %v, want the message", got)
		}
	})
}

func TestServerThatFailedOfLateHasLittleTimeToAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &internet{servers: make(map[string]http.Handler)}
		_, busy := n.joinBusy(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		})
		a := n.join(t, "a.test", nil)
		alice := a.register("alice")
		a.sendToBob(alice)
		<-busy
		time.Sleep(time.Minute)
		began := time.Now()
		answer := a.post("keys/query", alice, `{"device_keys":{"@bob:b.test":[]}}`)
		if failures, _ := answer["failures"].(map[string]any); failures["b.test"] == nil || time.Since(began) > 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), answer)
		}
	})
}
