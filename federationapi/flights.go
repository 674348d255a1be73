package federationapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
)

const (
	// fetchTimeout bounds the asking of one server, or one notary, for keys.
	fetchTimeout = 20 * time.Second
	// maxInFlight bounds the requests that wait for the keys of one server.
	maxInFlight = 64
)

// errBusy: no key is fetched for this request now. It may be repeated.
var errBusy = errors.New("too many keys are being fetched")

// A purpose is what for a server is asked for its keys. Each has its own share of
// the flights under way, so that requests in the names of servers that do not
// exist, which cost who makes them nothing, stop neither the renewal of keys that
// are known nor each other's.
type purpose int

const (
	ofStranger purpose = iota // a request of a server of which no key is known
	ofKnown                   // a key that is new, expired or may have been replaced
	forOthers                 // asked for by another server, of us as a notary
	purposes
)

// limit is how many flights there may be for a purpose at once; 64 for all.
func (p purpose) limit() int {
	if p == ofStranger {
		return 32
	}
	return 16
}

// flights fetch the keys of servers. A server is asked by one flight at a time, and
// not again for a while after it. Nobody waits for a flight to another server.
//
// A flight outlives the request that began it, as others may wait for it. It ends
// with life, and close waits for it.
type flights struct {
	fetch    func(context.Context, spec.ServerName, gomatrixserverlib.KeyID) error
	now      func() time.Time
	attempts *attempts
	life     context.Context
	end      context.CancelFunc
	running  sync.WaitGroup

	mu sync.Mutex
	// under has the flights under way, and number how many there are for each
	// purpose. Guarded by mu.
	under  map[spec.ServerName]*flight
	number [purposes]int
}

// A flight is the asking of one server.
type flight struct {
	landed  chan struct{} // closed when the answer, if there was one, is in storage
	waiting int           // requests; guarded by the mu of flights
}

func newFlights(fetch func(context.Context, spec.ServerName, gomatrixserverlib.KeyID) error, now func() time.Time) *flights {
	life, end := context.WithCancel(context.Background())
	return &flights{
		fetch: fetch, now: now, attempts: newAttempts(),
		life: life, end: end, under: make(map[spec.ServerName]*flight),
	}
}

func (f *flights) close() {
	f.end()
	f.running.Wait()
}

// begin asks a server for its keys, above all for this one, or gives the flight
// there is; nil if the server is not to be asked now. It fails with errBusy if
// there are too many flights.
func (f *flights) begin(server spec.ServerName, id gomatrixserverlib.KeyID, p purpose) (*flight, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if there := f.under[server]; there != nil {
		return there, nil
	}
	if !f.attempts.may(server, f.now()) {
		return nil, nil
	}
	if f.number[p] >= p.limit() {
		return nil, errBusy
	}
	started := &flight{landed: make(chan struct{})}
	f.under[server] = started
	f.number[p]++
	f.running.Go(func() {
		err := f.fetch(f.life, server, id)
		f.attempts.note(server, f.now(), err)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.under, server)
		f.number[p]--
		close(started.landed)
	})
	return started, nil
}

// await begins a flight and waits for its end. It fails with errBusy also if too
// many wait for it already.
func (f *flights) await(ctx context.Context, server spec.ServerName, id gomatrixserverlib.KeyID, p purpose) error {
	there, err := f.begin(server, id, p)
	if there == nil {
		return err
	}
	if !f.join(there) {
		return errBusy
	}
	defer f.leave(there)
	select {
	case <-there.landed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the keys of a server: %w", ctx.Err())
	}
}

func (f *flights) join(there *flight) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if there.waiting >= maxInFlight {
		return false
	}
	there.waiting++
	return true
}

func (f *flights) leave(there *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there.waiting--
}
