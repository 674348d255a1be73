package sqlite

import (
	"slices"
	"sync"

	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxArrivals and maxRecent bound what is remembered: the inboxes, and the bytes
	// of events of them all. Beyond either, everything is forgotten.
	maxArrivals = 50_000
	maxRecent   = 16 << 20
	// recentEvents is how many events are kept of one inbox.
	recentEvents = 8
)

// arrivals remembers how far inboxes reach and what has come last, so that neither
// a device that has everything nor one that waits for the next message costs a
// read. What it says is always so; what it does not know is read.
type arrivals struct {
	mu      sync.Mutex
	reaches map[todevice.InboxID]reach // guarded by mu
	bytes   int                        // of the recent events of all reaches; guarded by mu
	// generation counts the times everything was forgotten. What was read before is
	// not remembered after. Guarded by mu.
	generation uint64
}

// A reach says what an inbox holds: nothing above latest, nothing up to confirmed,
// and above since exactly the recent events. Those that may go before they are confirmed
// are never recent: so nothing has to be told here when they do.
type reach struct {
	latest, confirmed, since todevice.Position
	recent                   []todevice.Event
}

// An arrival is an event that was placed in an inbox.
type arrival struct {
	inbox todevice.InboxID
	event todevice.Event
	// mayGo is true if the event may go before it is confirmed.
	mayGo bool
}

func newArrivals() *arrivals {
	return &arrivals{reaches: make(map[todevice.InboxID]reach)}
}

// pending gives the events of an inbox above a position, if they are known.
// Otherwise the caller reads them, and keeps the generation for read.
func (a *arrivals) pending(inbox todevice.InboxID, after todevice.Position) (events []todevice.Event, known bool, generation uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.reaches[inbox]
	switch {
	case !ok:
		return nil, false, a.generation
	case r.latest <= after:
		return nil, true, a.generation
	case after < r.since:
		return nil, false, a.generation
	}
	for i, event := range r.recent {
		if event.Position > after {
			return slices.Clone(r.recent[i:]), true, a.generation
		}
	}
	return nil, true, a.generation // another sync of the device has confirmed them
}

// holdsUpTo tells whether there may be something in an inbox up to a position, if that
// is known.
func (a *arrivals) holdsUpTo(inbox todevice.InboxID, upTo todevice.Position) (holds, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.reaches[inbox]
	// What is beyond latest may be committed, and read, before delivered tells of it.
	if !ok || r.confirmed == 0 || upTo > r.latest {
		return false, false
	}
	return r.confirmed < upTo && r.confirmed < r.latest, true
}

// read notes that an inbox was read and held nothing above a position. A message
// that has arrived since has been noted by delivered.
func (a *arrivals) read(inbox todevice.InboxID, latest todevice.Position, generation uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.reaches[inbox]; known || a.generation != generation {
		return
	}
	a.set(inbox, reach{latest: latest, since: latest})
}

// delivered notes what was committed.
func (a *arrivals) delivered(list []arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, new := range list {
		r, known := a.reaches[new.inbox]
		if !known {
			r.since = new.event.Position - 1
		}
		r.latest = new.event.Position
		r.recent = append(r.recent, new.event)
		a.bytes += len(new.event.JSON)
		if new.mayGo || len(r.recent) > recentEvents {
			a.drop(&r, len(r.recent))
			r.since = r.latest
		}
		a.set(new.inbox, r)
	}
}

// removed notes that what was confirmed is gone.
func (a *arrivals) removed(inbox todevice.InboxID, upTo todevice.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, known := a.reaches[inbox]
	if !known {
		return
	}
	r.confirmed = max(r.confirmed, min(upTo, r.latest)) // above latest something may come yet
	left := 0
	for left < len(r.recent) && r.recent[left].Position <= upTo {
		left++
	}
	a.drop(&r, left)
	a.set(inbox, r)
}

// drop removes the first n recent events. It is called with mu held.
func (a *arrivals) drop(r *reach, n int) {
	for _, event := range r.recent[:n] {
		a.bytes -= len(event.JSON)
	}
	if r.recent = r.recent[n:]; len(r.recent) == 0 {
		r.recent = nil // and not what is left of its array
	}
}

func (a *arrivals) forget(inbox todevice.InboxID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.reaches[inbox]
	a.drop(&r, len(r.recent))
	delete(a.reaches, inbox)
}

// set is called with mu held.
func (a *arrivals) set(inbox todevice.InboxID, r reach) {
	a.reaches[inbox] = r
	if len(a.reaches) > maxArrivals || a.bytes > maxRecent {
		a.clear()
	}
}

func (a *arrivals) forgetAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clear()
}

// clear is called with mu held.
func (a *arrivals) clear() {
	clear(a.reaches)
	a.bytes = 0
	a.generation++
}
