package queue

import (
	"context"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"golang.org/x/sync/errgroup"
)

const (
	// announceWorkers bounds the servers that are told at once.
	announceWorkers = 8
	// announceTimeout is how long one may take to hear it.
	announceTimeout = 20 * time.Second
)

// Announce tells servers that this one is back, by a transaction with nothing in it.
// A server that gave up trying us for a while, as some do for minutes and up to days,
// then sends at once what waits for us there. Those for which something waits here
// hear of us by that. It returns when all were told, or ctx ends.
func (q *Queue) Announce(ctx context.Context, servers []spec.ServerName) {
	select {
	case <-q.resumed: // now it is known for whom something waits
	case <-ctx.Done():
		return
	}
	var group errgroup.Group
	group.SetLimit(announceWorkers)
	for _, server := range servers {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			q.announce(ctx, server)
			return nil
		})
	}
	_ = group.Wait() // no member fails
}

func (q *Queue) announce(ctx context.Context, server spec.ServerName) {
	if q.knows(server) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	if err := q.sendNothing(ctx, server); err != nil {
		q.log.WithError(err).WithField("server", string(server)).Debug("server not told that this one is back")
	}
}

// knows tells whether something waits for a server, or may.
func (q *Queue) knows(server spec.ServerName) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.peers[server] != nil
}
