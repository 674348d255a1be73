package federationapi_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/matrixspec"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// The servers of the tests: ours, and one that sends to it.
const (
	here  = spec.ServerName("here.test")
	there = spec.ServerName("there.test")
)

func quiet() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

func openStore(t testing.TB, path string, name spec.ServerName) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(path, sqlite.Options{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// A house is our server as other servers see it, on a real database.
type house struct {
	t        *testing.T
	store    *sqlite.Store
	server   *federationapi.Server
	router   http.Handler
	registry *prometheus.Registry

	mu    sync.Mutex
	alive []spec.ServerName  // guarded by mu
	woken []todevice.InboxID // guarded by mu
	stale []spec.ServerName  // whose device lists would be asked for; guarded by mu
	now   time.Time          // guarded by mu
}

// PeerAlive notes the servers that were heard of.
func (h *house) PeerAlive(server spec.ServerName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive = append(h.alive, server)
}

// Wake notes the devices that were woken by what another server asked.
func (h *house) Wake(inboxes ...todevice.InboxID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.woken = append(h.woken, inboxes...)
}

type noServers struct{}

// Stale notes whose device lists would be asked for.
func (h *house) Stale(server spec.ServerName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stale = append(h.stale, server)
}

func (noServers) Wake([]spec.ServerName) {}

func (noServers) Admit(context.Context, []spec.ServerName) {}

// options change how a house is built.
type options struct {
	client remote.Config
	config func(*federationapi.Config)
	relay  func(federationapi.Relay) federationapi.Relay
	keys   federationapi.KeyStore
}

func newHouse(t *testing.T, o options) *house {
	t.Helper()
	h := &house{t: t, registry: prometheus.NewRegistry(), now: time.Now()}
	h.store = openStore(t, filepath.Join(t.TempDir(), "chappe.db"), here)
	var messages federationapi.Relay = relay.New(h.store, here, todevice.ServerRules{}, relay.NewNotifier(), noServers{}, h.registry)
	if o.relay != nil {
		messages = o.relay(messages)
	}
	if o.keys == nil {
		o.keys = h.store
	}
	key := remotetest.Key("here")
	client := remote.New(o.client, here, key)
	t.Cleanup(client.Close)
	cfg := federationapi.Config{Name: here, Key: key, Version: "1.2.3"}
	if o.config != nil {
		o.config(&cfg)
	}
	h.server = federationapi.New(cfg, struct {
		federationapi.KeyStore
		federationapi.UserStore
	}{o.keys, h.store}, messages, h, h, client, h, quiet(), h.registry)
	t.Cleanup(h.server.Close)
	h.server.SetClock(func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.now
	})
	router := httpapi.NewRouter()
	h.server.Routes(router)
	h.router = router
	return h
}

// pass lets time pass for the key ring.
func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// knows has the house know a server's key already.
func (h *house) knows(server spec.ServerName, key signing.Key, age time.Duration) {
	h.t.Helper()
	err := h.store.StoreServerKeys(context.Background(), server, json.RawMessage(`{}`), []todevice.ServerKey{{
		Server: server, ID: key.ID, Public: key.Private.Public().(ed25519.PublicKey),
		ValidUntil: h.now.Add(24 * time.Hour), Fetched: h.now.Add(-age),
	}})
	if err != nil {
		h.t.Fatal(err)
	}
}

// device makes a local device.
func (h *house) device(localpart, id string) todevice.InboxID {
	h.t.Helper()
	device, err := h.store.EnsureDevice(context.Background(), localpart, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return device.Inbox
}

// events gives what waits for a device, in order.
func (h *house) events(inbox todevice.InboxID) []string {
	h.t.Helper()
	pending, _, err := h.store.Pending(context.Background(), inbox, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	events := []string{}
	for _, event := range pending {
		events = append(events, string(event.JSON))
	}
	return events
}

// request sends a request without a signature.
func (h *house) request(method, uri, body string, authorization ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, uri, content)
	for _, header := range authorization {
		r.Header.Add("Authorization", header)
	}
	w := httptest.NewRecorder()
	matrixspec.Checked(h.t, h.router).ServeHTTP(w, r)
	return w
}

// put sends a transaction signed by a server.
func (h *house) put(origin spec.ServerName, key signing.Key, uri, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	s := remotetest.Signing{Key: key, Method: http.MethodPut, URI: uri, Origin: origin, Destination: here, SignedFor: here}
	if body != "" {
		s.Body = json.RawMessage(body)
	}
	return h.request(http.MethodPut, uri, body, s.Header(h.t))
}

// expect checks the status and, for an error, its code.
func expect(t *testing.T, w *httptest.ResponseRecorder, status int, errcode string) {
	t.Helper()
	var body struct{ Errcode string }
	err := json.Unmarshal(w.Body.Bytes(), &body)
	if w.Code != status || body.Errcode != errcode || err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s, %v; want %d %s", w.Code, w.Body, err, status, errcode)
	}
}

// counter gives the value of a counter with these labels.
func (h *house) counter(name, label, value string) float64 {
	h.t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, pair := range metric.GetLabel() {
				if family.GetName() == name && pair.GetName() == label && pair.GetValue() == value {
					return metric.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// refused tells how many requests were refused for a reason.
func (h *house) refused(reason string) float64 {
	h.t.Helper()
	return h.counter("federation_requests_refused_total", "reason", reason)
}

// edu writes an m.direct_to_device EDU of there.test.
func edu(messageID, messages string) string {
	return fmt.Sprintf(`{"edu_type":"m.direct_to_device","content":{"sender":"@s:there.test","type":"t","message_id":%q,"messages":%s}}`, messageID, messages)
}

// transaction writes the body of a PUT /send of there.test.
func transaction(edus ...string) string {
	return `{"origin":"there.test","origin_server_ts":1,"pdus":[],"edus":[` + strings.Join(edus, ",") + `]}`
}
