package main

import (
	"context"
	"net/http"
	"time"
)

// readings are what was measured while that was read which waits in a file.
type readings struct {
	initial  tally // syncs
	drained  int   // messages of the first user
	draining time.Duration
	verdict  verdict
}

// readWaiting has some users make an initial sync, one after the other, and the first
// take all that waits for them.
func (b *bench) readWaiting(ctx context.Context, p *process, s *specimen) (r readings, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	b.say("  initial syncs of %d devices", len(s.visitors))
	r.initial, err = workOff(ctx, p, 1, len(s.visitors), func(ctx context.Context, _, number int) (int, error) {
		found, err := s.populace.look(ctx, transport, p, s.visitors[number])
		r.verdict = r.verdict.plus(found)
		return 1, err
	})
	if err != nil {
		return r, err
	}
	r.drained = s.populace.waiting(0)
	b.say("  draining one device with %d messages", r.drained)
	begin := time.Now()
	hoarder := s.populace.receiver(transport, p, 0, loadedFrom)
	if err := hoarder.finish(ctx); err != nil {
		return r, err
	}
	r.draining = time.Since(begin)
	r.verdict = r.verdict.plus(hoarder.ledger.close(func(int) int64 { return int64(r.drained) }))
	return r, nil
}

// look has a user make an initial sync, which confirms nothing, and tells what was
// wrong with what waited.
func (p populace) look(ctx context.Context, transport *http.Transport, at *process, number int) (verdict, error) {
	r := p.receiver(transport, at, number, loadedFrom)
	if _, err := r.sync(ctx, 0); err != nil {
		return verdict{}, err
	}
	return r.ledger.close(func(int) int64 { return int64(p.waiting(number)) }), nil
}
