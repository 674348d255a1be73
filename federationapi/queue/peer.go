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
	timer    *time.Timer // ends the sleep
}

// A state is what a peer does. It changes under the queue's lock.
type state int

const (
	idle     state = iota // new
	waiting               // for a place in a lane
	working               // a goroutine sends to it
	sleeping              // left alone until its timer ends
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

// sleep leaves a peer alone for a while. The caller holds mu.
func (q *Queue) sleep(p *peer, wait time.Duration) {
	if q.running == nil {
		return // stopped: what is remembered in storage is enough
	}
	p.state = sleeping
	p.timer = time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.running == nil || p.state != sleeping {
			return // stopped, or woken as the timer ended
		}
		q.enqueue(p)
		q.dispatch()
	})
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
	for ctx.Err() == nil {
		did, err := q.sendNext(ctx, p.server)
		if err != nil && ctx.Err() != nil {
			return // cut short by ourselves
		}
		if did != rest || err != nil {
			q.metrics.attempts.WithLabelValues(outcomeOf(did, err)).Inc()
		}
		if err != nil {
			q.failed(ctx, p, err)
			return
		}
		if !q.goesOn(p, did, lane) {
			return
		}
	}
}

func (q *Queue) leave(lane *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lane.running--
	q.dispatch()
}

// goesOn tells whether the worker is to look for another transaction. If not, the
// peer is forgotten or waits for its next turn.
func (q *Queue) goesOn(p *peer, did progress, lane *lane) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	again := p.again || did != rest
	p.again = false
	if did == delivered {
		p.failures = 0
	}
	switch {
	case !again:
		delete(q.peers, p.server)
		return false
	case lane.wanted():
		q.enqueue(p)
		return false
	}
	return true
}
