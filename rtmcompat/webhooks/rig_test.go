package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	app    = "0123456789abcdef0123456789abcdef"
	secret = "a s3cr3t of a webhook"
)

// pipes is a network of real HTTP over pipes, on which time can stand still.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// A request is what came to a webhook.
type request struct {
	at     time.Time
	host   string
	path   string
	header http.Header
	body   []byte
	event
}

// A receiver is the programs behind all webhooks of a test.
type receiver struct {
	t *testing.T
	// answer answers a request after it was noted.
	answer http.HandlerFunc
	mu     sync.Mutex
	got    []request // guarded by mu
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	got := request{at: time.Now(), host: req.Host, path: req.URL.Path, header: req.Header, body: body}
	if err == nil {
		err = json.Unmarshal(body, &got.event)
	}
	if err != nil {
		r.t.Errorf("request %q: %v", body, err)
	}
	r.mu.Lock()
	r.got = append(r.got, got)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
	}
}

// take gives what came to a host since it was last taken.
func (r *receiver) take(host string) (users string, requests []request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var others []request
	for _, got := range r.got {
		if got.host == host {
			users += got.UserID
			requests = append(requests, got)
		} else {
			others = append(others, got)
		}
	}
	r.got = others
	return users, requests
}

// A rig is a database, a deliverer and a receiver, in a bubble of synctest.
type rig struct {
	*receiver
	t     *testing.T
	path  string
	hooks []Hook
	log   bytes.Buffer
	pipes *pipes

	store     *sqlite.Store
	deliverer *Deliverer
	stop      func()
}

// inBubble runs a test with webhooks of these hosts, where an hour passes at once.
func inBubble(t *testing.T, hosts []string, test func(r *rig)) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	synctest.Test(t, func(t *testing.T) {
		r := &rig{receiver: &receiver{t: t}, t: t, path: path, pipes: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}}
		for _, host := range hosts {
			r.hooks = append(r.hooks, Hook{App: app, URL: "http://" + host + "/hook", Secret: secret, Events: todevice.RTMEventTypes()})
		}
		server := http.Server{Handler: r.receiver}
		served := make(chan error)
		go func() { served <- server.Serve(r.pipes) }()
		r.start()
		test(r)
		r.stop()
		_ = server.Close()
		<-served
	})
}

// start starts what a process does.
func (r *rig) start() {
	r.t.Helper()
	var stored []todevice.RTMWebhook
	for _, h := range r.hooks {
		stored = append(stored, h.Stored())
	}
	var err error
	r.store, err = sqlite.Open(r.path, sqlite.Options{
		ServerName: "here.test", Webhooks: stored, RTMEvents: func(apps []string) { r.deliverer.Wake(apps) },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.deliverer = newDeliverer(r.t, Config{Hooks: r.hooks, Chance: func() float64 { return 0 }}, r.store, &r.log)
	r.deliverer.transport.DialContext = r.pipes.dial
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.deliverer.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

func newDeliverer(t *testing.T, cfg Config, store Store, log io.Writer) *Deliverer {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(log)
	logger.SetLevel(logrus.DebugLevel)
	d, err := New(cfg, store, logrus.NewEntry(logger), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// record records a login of each user, whose names are single letters.
func (r *rig) record(users string) {
	r.t.Helper()
	for _, user := range users {
		err := r.store.RecordRTMEvents(context.Background(), todevice.RTMEvent{App: app, Type: todevice.RTMLogin, User: string(user)})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// after checks whose events have come to a host once some time has passed.
func (r *rig) after(passes time.Duration, host, users string) []request {
	r.t.Helper()
	time.Sleep(passes)
	synctest.Wait()
	got, requests := r.take(host)
	if got != users {
		r.t.Errorf("%q came to %s, want %q", got, host, users)
	}
	return requests
}

func (r *rig) state(hook int) todevice.RTMWebhookState {
	r.t.Helper()
	state, err := r.store.WebhookState(context.Background(), r.hooks[hook].Stored().ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return state
}
