package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// The servers of the tests: ours, and one it sends to.
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

// An attempt is one try to bring a transaction to a server.
type attempt struct {
	server spec.ServerName
	txnID  string
	body   string
	at     time.Time
}

// A street stands for the way to all other servers. It notes each attempt and
// answers as the test says.
type street struct {
	answer func(ctx context.Context, a attempt, nth int) error // nil: all is well

	mu       sync.Mutex
	attempts []attempt // guarded by mu
}

func (s *street) SendTransaction(ctx context.Context, server spec.ServerName, txnID string, body json.RawMessage) error {
	a := attempt{server: server, txnID: txnID, body: string(body), at: time.Now()}
	s.mu.Lock()
	s.attempts = append(s.attempts, a)
	nth := len(s.attempts)
	s.mu.Unlock()
	if s.answer == nil {
		return nil
	}
	return s.answer(ctx, a, nth)
}

func (s *street) seen() []attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attempts)
}

// numbers gives the numbers of the EDUs in these attempts, in order.
func numbers(t *testing.T, attempts []attempt) (all []int) {
	t.Helper()
	for _, a := range attempts {
		var body struct {
			Origin         string `json:"origin"`
			OriginServerTS int64  `json:"origin_server_ts"`
			PDUs           []any  `json:"pdus"`
			EDUs           []struct{ N int }
		}
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Origin != string(here) || body.OriginServerTS == 0 || body.PDUs == nil || len(body.EDUs) > 100 {
			t.Fatalf("bad transaction %s: %v", a.body, err)
		}
		for _, edu := range body.EDUs {
			all = append(all, edu.N)
		}
	}
	return all
}

// count gives from, from+1, … to.
func count(from, to int) (all []int) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// A post is a queue that runs, on a real database, inside a synctest bubble.
type post struct {
	t        *testing.T
	store    *sqlite.Store
	queue    *queue.Queue
	registry *prometheus.Registry
	stop     func()
}

// inBubble runs a test in a bubble with a path for its database.
func inBubble(t *testing.T, test func(t *testing.T, path string)) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	synctest.Test(t, func(t *testing.T) { test(t, path) })
}

// openPost opens the database, starts the queue and lets it come to rest.
func openPost(t *testing.T, path string, s queue.Sender, cfg queue.Config, wrap ...func(*post) queue.Store) *post {
	t.Helper()
	p := &post{t: t, store: openStore(t, path, here), registry: prometheus.NewRegistry()}
	cfg.Name = here
	var store queue.Store = p.store
	if len(wrap) > 0 {
		store = wrap[0](p)
	}
	p.queue = queue.New(cfg, store, s, quiet(), p.registry)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.queue.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	synctest.Wait()
	return p
}

// put places numbered EDUs in the outbox, without waking the queue.
func (p *post) put(server spec.ServerName, numbers ...int) {
	p.t.Helper()
	p.putLong(server, 0, numbers...)
}

// putLong is put with EDUs that are longer by so many bytes.
func (p *post) putLong(server spec.ServerName, longer int, numbers ...int) {
	p.t.Helper()
	var b todevice.Batch
	for _, n := range numbers {
		edu := fmt.Appendf(nil, `{"n":%d,"x":"%s"}`, n, strings.Repeat("x", longer))
		b.EDUs = append(b.EDUs, todevice.EDU{Destination: server, JSON: edu})
	}
	if _, err := p.store.Accept(context.Background(), b); err != nil {
		p.t.Fatal(err)
	}
}

// send places numbered EDUs in the outbox, wakes the queue, and waits until it
// rests: nothing is left to do before time passes.
func (p *post) send(server spec.ServerName, numbers ...int) {
	p.t.Helper()
	p.put(server, numbers...)
	p.queue.Wake(slices.Repeat([]spec.ServerName{server}, len(numbers)))
	synctest.Wait()
}

// destination gives what storage remembers of the one server something waits for.
func (p *post) destination() (todevice.Destination, bool) {
	p.t.Helper()
	waiting, err := p.store.Destinations(context.Background())
	if err != nil || len(waiting) > 1 {
		p.t.Fatalf("waiting: %v, %v", waiting, err)
	}
	if len(waiting) == 0 {
		return todevice.Destination{}, false
	}
	return waiting[0], true
}

var errDown = errors.New("connection refused")

// failing answers the first n attempts with an error, all if n is 0.
func failing(n int, err error) func(context.Context, attempt, int) error {
	return func(_ context.Context, _ attempt, nth int) error {
		if n == 0 || nth <= n {
			return err
		}
		return nil
	}
}

// observed is a store that a test looks into.
type observed struct {
	queue.Store
	failed func(todevice.Destination, string)
	forget func()
	next   func() error
	none   func()
}

func (o observed) NextTransaction(ctx context.Context, server spec.ServerName, confirmed string, maxEDUs, maxBytes int) (*todevice.Transaction, error) {
	if o.next != nil {
		if err := o.next(); err != nil {
			return nil, err
		}
	}
	txn, err := o.Store.NextTransaction(ctx, server, confirmed, maxEDUs, maxBytes)
	if txn == nil && err == nil && o.none != nil {
		o.none()
	}
	return txn, err
}

func (o observed) TransactionFailed(ctx context.Context, d todevice.Destination, reason string) error {
	if o.failed != nil {
		o.failed(d, reason)
	}
	return o.Store.TransactionFailed(ctx, d, reason)
}

func (o observed) ForgetFailures(ctx context.Context, server spec.ServerName) error {
	if o.forget != nil {
		o.forget()
	}
	return o.Store.ForgetFailures(ctx, server)
}
