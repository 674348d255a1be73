// Package queue brings what waits in the outbox to its destinations, one
// transaction at a time for each, until it is confirmed.
//
// https://spec.matrix.org/v1.15/server-server-api/#transactions
package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

// Store is the outbox.
type Store interface {
	// Destinations lists the servers for which EDUs wait.
	Destinations(context.Context) ([]todevice.Destination, error)
	// NextTransaction gives the transaction in flight, the same each time, or else
	// composes one; nil if nothing waits. If the one in flight is the one confirmed, it
	// is removed first, in the same commit.
	NextTransaction(ctx context.Context, server spec.ServerName, confirmed string, maxEDUs, maxBytes int) (*todevice.Transaction, error)
	// TransactionDone removes a transaction that was confirmed.
	TransactionDone(ctx context.Context, server spec.ServerName, txnID string) error
	// TransactionRefused counts that the transaction was refused for what is in it.
	TransactionRefused(ctx context.Context, server spec.ServerName, txnID string) error
	// SplitTransaction has the next transaction, instead of this one, hold so many
	// EDUs at most.
	SplitTransaction(ctx context.Context, server spec.ServerName, txnID string, maxEDUs int) error
	// GiveUpTransaction moves the EDU of a transaction to the dead letters.
	GiveUpTransaction(ctx context.Context, server spec.ServerName, txnID, reason string) error
	// TransactionFailed remembers the back-off of a server.
	TransactionFailed(ctx context.Context, d todevice.Destination, reason string) error
	// ForgetFailures forgets the back-off of a server.
	ForgetFailures(ctx context.Context, server spec.ServerName) error
}

// A Sender brings a transaction to a server. Each error but a *remote.Refusal
// means that the server was not reached.
type Sender interface {
	SendTransaction(ctx context.Context, server spec.ServerName, txnID string, body json.RawMessage) error
}

// Config is what the queue must know.
type Config struct {
	Name spec.ServerName // ours
	// Workers bounds the servers that are sent to at once, 64 if it is 0. Those that
	// failed last time share a quarter of the places, so that silent servers, which
	// hold a place for a minute each, do not take all.
	Workers int
	// MaxBackoff is the longest time between two attempts, an hour if it is 0.
	MaxBackoff time.Duration
	// Now tells the time, time.Now if it is nil.
	Now func() time.Time
	// Chance gives numbers from 0 to 1 for the back-off, random ones if it is nil.
	Chance func() float64
}

const (
	defaultWorkers    = 64
	defaultMaxBackoff = time.Hour
)

// A Queue empties the outbox: for each server one transaction after another, in
// the order of acceptance, each until it is confirmed. A server that fails is left
// alone for longer and longer, and does not delay the others. An EDU that a server
// refuses, alone and again, is given up.
type Queue struct {
	cfg     Config
	store   Store
	sender  Sender
	log     *logrus.Entry
	metrics metrics
	workers sync.WaitGroup

	mu sync.Mutex
	// peers holds the servers for which something waits, or may. Guarded by mu, as
	// are its elements.
	peers map[spec.ServerName]*peer
	// sound is for the peers whose last attempt went well, failing for the others.
	// Guarded by mu.
	sound, failing lane
	// sleepers are the peers that sleep, alarm the timer that wakes them, nil before it
	// is needed. Guarded by mu.
	sleepers sleepers
	alarm    *time.Timer
	// resumed is closed when Run has begun with all that waits.
	resumed chan struct{}
	// running is the context of Run, nil while it does not run. Guarded by mu.
	running context.Context
}

// New makes a queue. It sends nothing before Run.
func New(cfg Config, store Store, sender Sender, log *logrus.Entry, registry prometheus.Registerer) *Queue {
	if cfg.Workers == 0 {
		cfg.Workers = defaultWorkers
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = defaultMaxBackoff
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Chance == nil {
		cfg.Chance = rand.Float64
	}
	failing := max(cfg.Workers/4, 1)
	return &Queue{
		cfg: cfg, store: store, sender: sender, log: log,
		metrics: newMetrics(registry),
		peers:   make(map[spec.ServerName]*peer),
		resumed: make(chan struct{}),
		sound:   lane{limit: max(cfg.Workers-failing, 1)},
		failing: lane{limit: failing},
	}
}

// Run sends what waits, and what comes, until ctx ends. It returns when the last
// worker is done.
func (q *Queue) Run(ctx context.Context) error {
	waiting, err := q.store.Destinations(ctx)
	if ctx.Err() != nil {
		return nil // ended before it began
	}
	if err != nil {
		return fmt.Errorf("resume the queues: %w", err)
	}
	q.start(ctx, waiting)
	<-ctx.Done()
	q.stop()
	q.workers.Wait()
	return nil
}

func (q *Queue) start(ctx context.Context, waiting []todevice.Destination) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = ctx
	for _, d := range waiting {
		p := q.peer(d.Server)
		if p.state != idle {
			continue // woken already
		}
		p.failures = d.Failures
		if wait := d.RetryAt.Sub(q.cfg.Now()); wait > 0 {
			q.sleep(p, min(wait, q.cfg.MaxBackoff))
		} else {
			q.enqueue(p)
		}
	}
	q.dispatch()
	close(q.resumed)
}

// stop sees to it that no worker starts any more.
func (q *Queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = nil
	if q.alarm != nil {
		q.alarm.Stop()
	}
}

// Wake says that EDUs wait for these servers, each named once for each EDU. It does
// not end a back-off.
func (q *Queue) Wake(servers []spec.ServerName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, server := range servers {
		p := q.peer(server)
		p.edus++
		switch p.state {
		case idle:
			q.enqueue(p)
		case working:
			p.again = true
		}
	}
	q.dispatch()
}

// PeerAlive says that a server was heard of, and ends its back-off, but no time for which
// it says that it is sent too much. A server that can be heard of and yet not reached is
// tried once in remote.FirstRetry at most.
func (q *Queue) PeerAlive(server spec.ServerName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.peers[server]
	if p == nil {
		return
	}
	q.forgetFailures(p)
	if p.state != sleeping {
		return
	}
	q.rouse(p)
	if wait := max(remote.FirstRetry-time.Since(p.failedAt), time.Until(p.notBefore)); wait > 0 {
		q.sleep(p, wait)
		return
	}
	q.enqueue(p)
	q.dispatch()
}

// peer gives what is known of a server. The caller holds mu.
func (q *Queue) peer(server spec.ServerName) *peer {
	p := q.peers[server]
	if p == nil {
		p = &peer{server: server}
		q.peers[server] = p
	}
	return p
}
