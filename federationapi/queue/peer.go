package queue

import (
	"context"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A peer is a server for which EDUs may wait. It is forgotten when none do.
type peer struct {
	server spec.ServerName
	state  state
	// again is set when the peer is woken while it is worked for: what has come may
	// have missed the worker's last look.
	again bool
	// failures counts the attempts that failed since the last success, or since the
	// peer was heard of.
	failures int
	failedAt time.Time
	// notBefore is until when the server is sent too much, as it says.
	notBefore time.Time
	wakeAt    time.Time // the end of the sleep
	place     int       // among the sleepers
	// edus is how many EDUs came since the peer is known and were not yet taken: what
	// waited before is not in it.
	edus   int
	relief chan struct{} // closed when fewer wait; nil while nobody waits for that
}

// A state is what a peer does. It changes under the queue's lock.
type state int

const (
	idle     state = iota // new
	waiting               // for a place in a lane
	working               // a goroutine sends to it
	sleeping              // left alone for a while
)

// enqueue has a peer wait for its turn. The caller holds mu.
func (q *Queue) enqueue(p *peer) {
	p.state = waiting
	to := &q.sound
	if p.failures > 0 {
		to = &q.failing
	}
	to.waiting = append(to.waiting, p)
}

// dispatch starts workers as long as there are peers and places. The caller holds
// mu.
func (q *Queue) dispatch() {
	if q.running == nil {
		return
	}
	for _, lane := range []*lane{&q.sound, &q.failing} {
		for p := lane.next(); p != nil; p = lane.next() {
			p.state = working
			ctx := q.running
			q.workers.Go(func() { q.work(ctx, p, lane) })
		}
	}
}

// work sends one transaction after another to a peer, until nothing waits for it,
// an attempt fails, or others wait for the place.
func (q *Queue) work(ctx context.Context, p *peer, lane *lane) {
	defer q.leave(lane)
	confirmed := "" // the last transaction, while it is not stored that it was confirmed
	for ctx.Err() == nil {
		did, txn, err := q.sendNext(ctx, p.server, confirmed)
		if err != nil && ctx.Err() != nil {
			return // cut short by ourselves
		}
		confirmed = ""
		if did != rest || err != nil {
			q.metrics.attempts.WithLabelValues(outcomeOf(did, err)).Inc()
		}
		if err != nil {
			q.failed(ctx, p, err)
			return
		}
		if did == delivered {
			confirmed = txn.ID
			q.taken(p, len(txn.EDUs))
		}
		goesOn, yields := q.goesOn(p, did, lane)
		if !goesOn {
			return // and so nothing was confirmed just now
		}
		if !yields {
			continue
		}
		if err := q.confirm(ctx, p.server, confirmed); err != nil {
			q.failed(ctx, p, err)
			return
		}
		q.yield(p)
		return
	}
	_ = q.confirm(ctx, p.server, confirmed) // if it fails, the transaction goes out again
}

// confirm stores that a transaction was confirmed, unless it is "".
func (q *Queue) confirm(ctx context.Context, server spec.ServerName, confirmed string) error {
	if confirmed == "" {
		return nil
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	if err := q.store.TransactionDone(ctx, server, confirmed); err != nil {
		return storageError{err}
	}
	return nil
}

// taken notes that a peer has taken EDUs.
func (q *Queue) taken(p *peer, edus int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.failures = 0
	if p.edus = max(p.edus-edus, 0); p.edus < fullAt {
		p.relieve()
	}
}

// yield has a peer wait for its next turn.
func (q *Queue) yield(p *peer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.enqueue(p)
}

func (q *Queue) leave(lane *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lane.running--
	q.dispatch()
}

// goesOn tells whether something may wait for the peer, and if so, whether others
// wait for its place. If nothing does the peer is forgotten.
func (q *Queue) goesOn(p *peer, did progress, lane *lane) (goesOn, yields bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	again := p.again || did != rest
	p.again = false
	if !again {
		p.relieve()
		delete(q.peers, p.server)
		return false, false
	}
	return true, lane.wanted()
}
