package federationapi

import (
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

const (
	// freshFor is how long at most a server that has answered is not asked again for
	// its keys: anybody can send requests in its name, with any key ID. It begins with
	// firstPause, so that a server which changes its key soon after is taken for itself
	// soon, and doubles with each asking, until freshFor has passed without one.
	freshFor = 10 * time.Second
	// firstPause and longestPause bound how long a server that has not answered is
	// let alone. It begins short: who restarts may ask us at once, and be refused
	// until its keys are here.
	firstPause   = time.Second
	longestPause = time.Minute
	// maxAttempts bounds the servers that are remembered.
	maxAttempts = 10_000
)

// attempts remembers which servers were asked for their keys, and when they may be
// asked again.
type attempts struct {
	mu   sync.Mutex
	made map[spec.ServerName]attempt // guarded by mu
}

type attempt struct {
	next     time.Time
	failures int // since the last answer
	answers  int // since the last failure, or quiet time
}

func newAttempts() *attempts {
	return &attempts{made: make(map[spec.ServerName]attempt)}
}

// may tells whether a server may be asked now.
func (a *attempts) may(server spec.ServerName, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !now.Before(a.made[server].next)
}

// note remembers what came of asking a server.
func (a *attempts) note(server spec.ServerName, now time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, known := a.made[server]
	if !known && len(a.made) >= maxAttempts {
		for other := range a.made { // which one goes does not matter
			delete(a.made, other)
			break
		}
	}
	if err == nil {
		if !now.Before(last.next.Add(freshFor)) {
			last.answers = 0
		}
		pause := min(firstPause<<min(last.answers, 30), freshFor)
		a.made[server] = attempt{next: now.Add(pause), answers: last.answers + 1}
		return
	}
	pause := min(firstPause<<min(last.failures, 30), longestPause)
	a.made[server] = attempt{next: now.Add(pause), failures: last.failures + 1}
}
