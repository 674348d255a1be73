package queue

import (
	"context"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

const (
	// fullAt is how many EDUs wait for a server that takes what it is sent before those
	// who send to it are slowed down: ten transactions.
	fullAt = 10 * maxEDUs
	// admitPatience is how long one request is held up at most.
	admitPatience = time.Second
)

// Admit waits while more comes for one of the servers than it takes, and not for
// long: so the queue of a server that is well stays short, and its senders have no
// faster answers than their messages have wings. For a server that is not reached
// nobody waits, as that may take days.
func (q *Queue) Admit(ctx context.Context, servers []spec.ServerName) {
	var patience <-chan time.Time
	for _, server := range servers {
		for relief := q.relief(server); relief != nil; relief = q.relief(server) {
			if patience == nil {
				timer := time.NewTimer(admitPatience)
				defer timer.Stop()
				patience = timer.C
			}
			select {
			case <-relief:
			case <-patience:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// relief gives a channel that is closed when less waits for a server, or nil if there
// is no need to wait.
func (q *Queue) relief(server spec.ServerName) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.peers[server]
	if p == nil || p.failures > 0 || p.state == sleeping || p.edus < fullAt {
		return nil
	}
	if p.relief == nil {
		p.relief = make(chan struct{})
	}
	return p.relief
}

// relieve ends the waits for a peer, to look again. The caller holds mu.
func (p *peer) relieve() {
	if p.relief != nil {
		close(p.relief)
		p.relief = nil
	}
}
