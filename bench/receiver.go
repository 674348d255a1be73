package main

import (
	"context"
	"fmt"
	"time"
)

// pollTimeout is how long a receiver asks the server to wait for a message.
const pollTimeout = 30 * time.Second

// An inlet is a device's way to hear from its server, over one API or the other.
type inlet interface {
	// poll asks for what has come since the answer that was read last, and waits for it
	// up to the timeout. The answer is valid until the next.
	poll(ctx context.Context, timeout time.Duration) (answer []byte, err error)
	// read gives note each message of an answer, in order.
	read(answer []byte, note func(message)) error
}

// A receiver long-polls for one device and checks every message.
type receiver struct {
	inlet  inlet
	ledger *ledger
	totals *totals
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
	answer, err := r.inlet.poll(ctx, timeout)
	if err != nil {
		return 0, err
	}
	now := time.Since(r.totals.begin)
	measuring := r.totals.measuring.Load()
	err = r.inlet.read(answer, func(m message) {
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
	return messages, nil
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

// A plainInlet syncs for a device of ours, with next to no work of its own.
type plainInlet struct {
	session *session
	codec   codec
	since   string
}

func (i *plainInlet) poll(ctx context.Context, timeout time.Duration) ([]byte, error) {
	return i.session.sync(ctx, i.since, timeout)
}

func (i *plainInlet) read(answer []byte, note func(message)) (err error) {
	if err := i.codec.each(answer, note); err != nil {
		return err
	}
	i.since, err = nextBatch(answer)
	return err
}
