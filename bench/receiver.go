package main

import (
	"context"
	"fmt"
	"time"
)

// pollTimeout is how long a receiver asks the server to wait for a message.
const pollTimeout = 30 * time.Second

// A receiver long-polls for one device and checks every message.
type receiver struct {
	session *session
	codec   codec
	ledger  *ledger
	totals  *totals
	since   string
	// latencies are those of the messages that came while it was measured. They are
	// read after run.
	latencies []time.Duration
}

// run syncs until ctx ends.
func (r *receiver) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := r.sync(ctx, pollTimeout); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// sync makes one request and enters the messages it brings.
func (r *receiver) sync(ctx context.Context, timeout time.Duration) (messages int, err error) {
	response, err := r.session.sync(ctx, r.since, timeout)
	if err != nil {
		return 0, err
	}
	now := time.Since(r.totals.begin)
	measuring := r.totals.measuring.Load()
	err = r.codec.each(response, func(m message) {
		messages++
		if !r.ledger.note(m) {
			return
		}
		r.totals.delivered.Add(1)
		if measuring {
			r.latencies = append(r.latencies, now-m.at)
		}
	})
	if err != nil {
		return messages, fmt.Errorf("check what arrived: %w", err)
	}
	r.since, err = nextBatch(response)
	return messages, err
}

// finish syncs until nothing comes. When all has been received, whatever comes is
// there twice.
func (r *receiver) finish(ctx context.Context) error {
	for {
		messages, err := r.sync(ctx, 0)
		if err != nil || messages == 0 {
			return err
		}
	}
}
