package federationapi

import (
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"golang.org/x/time/rate"
)

const (
	// requestRate and requestBurst bound the signed requests of one origin, in a
	// second and at once. A server that queues properly has one transaction of a
	// hundred EDUs at work and stays far below.
	requestRate  = 200
	requestBurst = 400
	// maxRates bounds the origins that are remembered.
	maxRates = 10_000
)

// rates bounds the requests of each origin in a time. An origin is counted by what
// it has signed: otherwise anybody could use up what is another's.
type rates struct {
	mu      sync.Mutex
	origins map[spec.ServerName]*rate.Limiter // guarded by mu
}

func newRates() *rates {
	return &rates{origins: make(map[spec.ServerName]*rate.Limiter)}
}

// take counts a request of an origin. It gives 0 if the origin may make it, and
// else the time after which it may.
func (r *rates) take(origin spec.ServerName, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	limiter := r.origins[origin]
	if limiter == nil {
		if len(r.origins) >= maxRates {
			r.forget(now)
		}
		limiter = rate.NewLimiter(requestRate, requestBurst)
		r.origins[origin] = limiter
	}
	reserved := limiter.ReserveN(now, 1)
	if wait = reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
	}
	return wait
}

// forget makes room: of the origins that have made no request of late nothing is
// lost. If they are few, some others are let off, enough of them that it is not to
// be done again for the next origin. The caller holds mu.
func (r *rates) forget(now time.Time) {
	for origin, limiter := range r.origins {
		if limiter.TokensAt(now) >= requestBurst {
			delete(r.origins, origin)
		}
	}
	for origin := range r.origins {
		if len(r.origins) <= maxRates*7/8 {
			return
		}
		delete(r.origins, origin)
	}
}
