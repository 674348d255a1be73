package federationapi

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
)

const (
	// maxInLine bounds the transactions of one origin that wait while another is at
	// work. One at a time is the rule; more come when an origin gives up on an answer
	// and repeats.
	maxInLine = 8
	// maxInLines and maxBytesInLines bound those of all origins together, in their
	// number and the bytes of their bodies.
	maxInLines      = 1024
	maxBytesInLines = 64 << 20
	// turnPause is when an origin may try again that has too many waiting.
	turnPause = time.Second
)

// turns has the transactions of an origin done one after another, in the order in
// which they came. Origins do not wait for one another.
type turns struct {
	mu sync.Mutex
	// lines holds, for each origin with a transaction at work, those behind it.
	// Guarded by mu, as are the sums over all of them.
	lines   map[spec.ServerName][]*turn
	waiting int
	bytes   int
}

// A turn is one transaction in a line.
type turn struct {
	bytes int
	come  chan struct{} // closed when it is this one's turn
}

func newTurns() *turns { return &turns{lines: make(map[spec.ServerName][]*turn)} }

// take waits for an origin's turn; its transaction is of so many bytes. It is
// refused if too many wait already. Without an error, done must be called.
func (t *turns) take(ctx context.Context, origin spec.ServerName, bytes int) error {
	mine, err := t.join(origin, bytes)
	if mine == nil {
		return err
	}
	select {
	case <-mine.come:
		return nil
	case <-ctx.Done():
		t.leave(origin, mine)
		return fmt.Errorf("wait for the transactions before it: %w", ctx.Err())
	}
}

// join gives a place in the line, or nil if there is no need to wait.
func (t *turns) join(origin spec.ServerName, bytes int) (*turn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line, working := t.lines[origin]
	if !working {
		t.lines[origin] = nil
		return nil, nil
	}
	if len(line) >= maxInLine || t.waiting >= maxInLines || t.bytes+bytes > maxBytesInLines {
		return nil, &refusal{tooManyTxns, httpapi.LimitExceeded("Too many transactions are waiting", turnPause)}
	}
	mine := &turn{bytes: bytes, come: make(chan struct{})}
	t.lines[origin] = append(line, mine)
	t.waiting++
	t.bytes += bytes
	return mine, nil
}

// leave gives up a place, or the turn if it has come meanwhile.
func (t *turns) leave(origin spec.ServerName, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.lines[origin], mine)
	if at < 0 {
		t.next(origin)
		return
	}
	t.lines[origin] = slices.Delete(t.lines[origin], at, at+1)
	t.forget(mine)
}

// done ends an origin's turn.
func (t *turns) done(origin spec.ServerName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next(origin)
}

// next gives the turn to the first in the line. The caller holds mu.
func (t *turns) next(origin spec.ServerName) {
	line := t.lines[origin]
	if len(line) == 0 {
		delete(t.lines, origin)
		return
	}
	t.lines[origin] = line[1:]
	t.forget(line[0])
	close(line[0].come)
}

// forget counts out one that waits no longer. The caller holds mu.
func (t *turns) forget(one *turn) {
	t.waiting--
	t.bytes -= one.bytes
}
