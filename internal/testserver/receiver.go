package testserver

import (
	"context"
	"fmt"
	"time"
)

// pollTimeout is what a receiver asks the server to wait.
const pollTimeout = 10 * time.Second

// A Receiver is a device that syncs, each time from the token of the last response
// it used, and tells the ledger what it got. It is for one goroutine.
type Receiver struct {
	client *Client
	ledger *Ledger
	since  string
}

// NewReceiver makes a receiver that has not synced yet. The device joins the
// ledger.
func NewReceiver(c *Client, l *Ledger) *Receiver {
	l.Join(c.Device)
	return &Receiver{client: c, ledger: l}
}

// Since is the token of the last response that was used, "" before the first.
func (r *Receiver) Since() string { return r.since }

// Sync asks once, as often as it takes to get one answer, and uses that. It gives
// the number of events.
func (r *Receiver) Sync(ctx context.Context, timeout time.Duration) (int, error) {
	response, err := r.client.SyncRetry(ctx, r.since, timeout)
	if err != nil {
		return 0, fmt.Errorf("sync of %s: %w", r.client.Device, err)
	}
	r.Use(response)
	return len(response.Events), nil
}

// Use takes a response that was got by other means.
func (r *Receiver) Use(response *SyncResponse) {
	r.since = response.NextBatch
	r.ledger.Used(r.client.Device, response.Events)
}

// Run syncs until done is closed and, after that, everything accepted has come and
// was confirmed. It returns the error of ctx if that ends before.
func (r *Receiver) Run(ctx context.Context, done <-chan struct{}) error {
	polling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	go func() {
		defer hangUp()
		select {
		case <-done:
		case <-polling.Done():
		}
	}()
	for polling.Err() == nil {
		// A poll that is hung up on has used nothing.
		if _, err := r.Sync(polling, pollTimeout); err != nil && polling.Err() == nil {
			return err
		}
	}
	return r.Drain(ctx)
}

// Drain syncs until nothing that was accepted is missing, and a last sync, which
// confirms the rest, finds nothing more. It returns the error of ctx if that ends
// before.
func (r *Receiver) Drain(ctx context.Context) error {
	for {
		var timeout time.Duration
		missing := r.ledger.Missing(r.client.Device)
		if missing > 0 {
			timeout = pollTimeout
		}
		events, err := r.Sync(ctx, timeout)
		if err != nil {
			return fmt.Errorf("%d messages missing: %w", missing, err)
		}
		if missing == 0 && events == 0 {
			return nil
		}
	}
}
