// Package keyledger judges how one-time keys were given out, in tests: none twice,
// those of a device in the order of their upload, and as many left as were uploaded
// and not given. It does not ask whether a key that was claimed when the server crashed
// is gone; but it must be so for good.
package keyledger

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
)

// A Ledger knows the keys of devices by numbers, from 1 in the order of their upload.
// It may be used from any goroutine.
type Ledger struct {
	mu      sync.Mutex
	clock   int                // counts what has happened; guarded by mu
	devices map[string]*device // guarded by mu
	faults  []string           // guarded by mu
}

type device struct {
	// offered is how many keys were sent to the server, uploaded how many it has
	// confirmed.
	offered, uploaded int
	given             map[int]span
	// unanswered counts the claims of which nobody knows whether they took a key.
	unanswered int
	// gone is the last key of which a check has shown that it is not there any more.
	gone int
}

// A span is when a claim began and was answered.
type span struct{ begin, end int }

// New makes an empty ledger.
func New() *Ledger { return &Ledger{devices: make(map[string]*device)} }

func (l *Ledger) device(name string) *device {
	if l.devices[name] == nil {
		l.devices[name] = &device{given: make(map[int]span)}
	}
	return l.devices[name]
}

func (l *Ledger) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// Offer gives the next keys for a device to upload. Of one device there is one upload
// at a time, and it is repeated until it is Uploaded.
func (l *Ledger) Offer(device string, keys int) (numbers []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.device(device)
	for range keys {
		d.offered++
		numbers = append(numbers, d.offered)
	}
	return numbers
}

// Uploaded notes that the server has confirmed all keys that were offered.
func (l *Ledger) Uploaded(device string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.device(device).uploaded = l.device(device).offered
}

// A Claim is one request for keys.
type Claim struct {
	ledger *Ledger
	begin  int
}

// Claim begins a request.
func (l *Ledger) Claim() Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	return Claim{ledger: l, begin: l.clock}
}

// Got notes a key that the request was answered with.
func (c Claim) Got(device string, key int) {
	l := c.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.device(device)
	l.clock++
	switch _, twice := d.given[key]; {
	case twice:
		l.fault("key %d of %s was given twice", key, device)
	case key <= d.gone:
		l.fault("key %d of %s was given, and was gone before", key, device)
	case key < 1 || key > d.offered:
		l.fault("key %d of %s was given, and never uploaded", key, device)
	}
	d.given[key] = span{c.begin, l.clock}
}

// Unanswered notes that nobody knows whether the request has taken a key of a device.
func (c Claim) Unanswered(device string) {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	c.ledger.device(device).unanswered++
}

// Given counts the keys that were given out in all.
func (l *Ledger) Given() (keys int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.devices {
		keys += len(d.given)
	}
	return keys
}

// Check fails the test if anything is wrong with the keys of a device, of which the
// server counts so many. Nothing may be in flight.
func (l *Ledger) Check(t testing.TB, device string, left int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.device(device)
	if lost := d.uploaded - len(d.given) - left; lost < 0 || lost > d.unanswered {
		l.fault("%s: %d keys uploaded, %d given, %d left: %d are lost, and %d claims had no answer",
			device, d.uploaded, len(d.given), left, lost, d.unanswered)
	}
	// They go in their order, so those left are the last.
	d.gone = max(d.gone, d.uploaded-left)
	latest := 0 // when a claim of an earlier key began, at the latest
	for _, key := range slices.Sorted(maps.Keys(d.given)) {
		if key > d.gone {
			l.fault("key %d of %s was given, but %d of %d are left", key, device, left, d.uploaded)
		}
		if d.given[key].end < latest {
			l.fault("key %d of %s was given before one uploaded earlier was asked for", key, device)
		}
		latest = max(latest, d.given[key].begin)
	}
	for i, fault := range l.faults {
		if i == 10 {
			t.Errorf("and %d more faults", len(l.faults)-i)
			break
		}
		t.Error(fault)
	}
	l.faults = nil
}
