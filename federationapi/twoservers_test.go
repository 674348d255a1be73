package federationapi_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/devicelists"
	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// A town is a whole server in both directions, with TLS on loopback.
type town struct {
	name     spec.ServerName
	key      signing.Key
	store    *sqlite.Store
	notifier *relay.Notifier
	relay    *relay.Relay
	http     *httptest.Server
	pool     *x509.CertPool

	mu     sync.Mutex
	served http.Handler                    // guarded by mu; nil before the town is open
	gate   func(http.Handler) http.Handler // set before anything is sent
	queue  *queue.Queue
}

func (c *town) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	served := c.served
	c.mu.Unlock()
	served.ServeHTTP(w, r)
}

// newTown takes an address; open makes the rest, when the neighbour has one, too.
func newTown(t *testing.T, name spec.ServerName) *town {
	c := &town{name: name, key: remotetest.Key(string(name[:1])), notifier: relay.NewNotifier()}
	c.gate = func(h http.Handler) http.Handler { return h }
	c.http, c.pool = remotetest.ServeTLS(t, name, c)
	c.store = openStore(t, filepath.Join(t.TempDir(), "chappe.db"), name)
	return c
}

func (c *town) open(t *testing.T, neighbour *town) {
	client := remote.New(remote.Config{
		Hosts:  map[spec.ServerName]string{neighbour.name: neighbour.http.Listener.Addr().String()},
		CAPool: neighbour.pool, VerifyCertificates: true,
	}, c.name, c.key)
	registry := prometheus.NewRegistry()
	c.queue = queue.New(queue.Config{Name: c.name, MaxBackoff: time.Millisecond}, c.store, client, quiet(), registry)
	c.relay = relay.New(c.store, c.name, todevice.ServerRules{}, c.notifier, c.queue, registry)
	cfg := federationapi.Config{Name: c.name, Key: c.key, Version: "0"}
	inbound := federationapi.New(cfg, c.store, c.relay, c.notifier, devicelists.New(c.store, client, nil, quiet()), client, c.queue, quiet(), registry)
	router := httpapi.NewRouter()
	inbound.Routes(router)
	c.mu.Lock()
	c.served = c.gate(router)
	c.mu.Unlock()

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.queue.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.http.Close()
		inbound.Close()
		client.Close()
	})
}

// send sends a message from a user here to all devices of a user there.
func (c *town) send(t *testing.T, from string, to todevice.UserID, content string) {
	t.Helper()
	_, err := c.relay.Send(context.Background(), todevice.Batch{Sends: []todevice.Send{{
		Sender: todevice.UserID{Localpart: from, Server: c.name}, Type: "t",
		Messages: []todevice.Message{{To: to, Device: todevice.AllDevices, Content: json.RawMessage(content)}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

// await gives the events of a device once there are as many.
func (c *town) await(t *testing.T, inbox todevice.InboxID, count int) []string {
	t.Helper()
	for {
		woken, leave := c.notifier.Wait(todevice.Device{Inbox: inbox})
		pending, _, err := c.store.Pending(context.Background(), inbox, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(pending) >= count {
			leave()
			var events []string
			for _, event := range pending {
				events = append(events, string(event.JSON))
			}
			return events
		}
		<-woken
		leave()
	}
}

func TestMessagesCrossBetweenTwoServers(t *testing.T) {
	a, b := newTown(t, "a.test"), newTown(t, "b.test:8448")
	// b loses requests, and answers: before and after it has taken a transaction.
	var mu sync.Mutex
	seen := 0
	b.gate = func(router http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen++
			n := seen
			mu.Unlock()
			switch {
			case r.Method != http.MethodPut || n%3 == 0:
				router.ServeHTTP(w, r)
			case n%3 == 1:
				router.ServeHTTP(httptest.NewRecorder(), r)
				w.WriteHeader(http.StatusBadGateway)
			default:
				w.WriteHeader(http.StatusBadGateway)
			}
		})
	}
	a.open(t, b)
	b.open(t, a)
	bob, err := b.store.EnsureDevice(context.Background(), "bob", "D")
	if err != nil {
		t.Fatal(err)
	}
	alice, err := a.store.EnsureDevice(context.Background(), "alice", "D")
	if err != nil {
		t.Fatal(err)
	}

	var want []string
	for n := range 20 {
		content := fmt.Sprintf(`{"<&>\"\u2028":%d}`, n)
		a.send(t, "alice", bob.User, content)
		want = append(want, fmt.Sprintf(`{"content":%s,"sender":"@alice:a.test","type":"t"}`, content))
	}
	b.send(t, "bob", alice.User, `{"answer":true}`)
	if got := a.await(t, alice.Inbox, 1); !slices.Equal(got, []string{`{"content":{"answer":true},"sender":"@bob:b.test:8448","type":"t"}`}) {
		t.Errorf("alice got %v", got)
	}
	got := b.await(t, bob.Inbox, 20)
	if len(got) != 20 {
		t.Fatalf("bob got %d events", len(got))
	}
	for i := range got {
		if !sameJSON(t, got[i], want[i]) {
			t.Errorf("event %d is %s, want %s", i, got[i], want[i])
		}
	}
}

// sameJSON tells whether two texts mean the same.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y map[string]any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}
