package queue

import "github.com/matrix-org/gomatrixserverlib/spec"

// Resting tells whether a server is left alone for now, as it failed of late.
func (q *Queue) Resting(server spec.ServerName) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.peers[server]
	return p != nil && p.state == sleeping
}
