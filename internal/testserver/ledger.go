package testserver

import (
	"slices"
	"sync"
	"testing"
)

// A Ledger compares what was promised with what came. It is told of every message
// before it is sent, of every 200, and of every response a receiving device has
// used. To use a response is what a client library does: store its next_batch, and
// process its events, as one step. A response that was lost on the way, or repeated
// before it was used, is not told: to repeat it is the server's duty, not a fault.
// (A client that dies between the two parts of that step may see messages again, or
// never; that is the client's doing, and no client here does it.)
//
// For each message and each device it was sent to:
//
//   - Accepted: the request was answered with 200. A request that never got an
//     answer promises nothing: its message may come or not, once.
//   - Lost: it was accepted, and the device has not used it. That is known only
//     when every device has used all that waited for it, so ask then.
//   - Duplicated: the device used it again. Each further time counts.
//   - Out of order: it came late. The device used it after another message of the
//     same sending device that was not yet sent when this one was answered. Each
//     late message counts once. Requests of one device that were under way at the
//     same time have no order, nor have messages of different devices.
//   - Unexpected: the device used something that was never sent to it. This, too,
//     counts each time.
//
// A message names itself in its content: its sending device and a number. A message
// for all devices of a user is one for each device that had joined when it was sent.
type Ledger struct {
	mu sync.Mutex
	// clock counts what the ledger is told of, so that before and after are defined.
	clock int // guarded by mu
	// devices holds those that joined, by user.
	devices map[string][]Device  // guarded by mu
	sent    map[Message]*sending // guarded by mu
	last    map[Device]int       // the last number given out, by sending device; guarded by mu
	used    map[Device][]Message // in the order of use; guarded by mu
	// missing holds, by receiving device, what was accepted and not yet used.
	missing map[Device]map[Message]bool // guarded by mu
	accepts int                         // messages accepted so far; guarded by mu
	uses    int                         // events used so far; guarded by mu
	// changed is closed, and made anew, whenever the ledger is told something.
	changed chan struct{} // guarded by mu
}

type sending struct {
	to       []Device // each once
	sent     int      // on the clock
	answered int      // on the clock; 0 before
}

// NewLedger makes an empty ledger. Its methods may be called from any goroutine.
func NewLedger() *Ledger {
	return &Ledger{
		devices: make(map[string][]Device),
		sent:    make(map[Message]*sending),
		last:    make(map[Device]int),
		used:    make(map[Device][]Message),
		missing: make(map[Device]map[Message]bool),
		changed: make(chan struct{}),
	}
}

// Join makes a receiving device known, so that it is one of [AllDevices].
func (l *Ledger) Join(d Device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.devices[d.User], d) {
		l.devices[d.User] = append(l.devices[d.User], d)
	}
}

// Sending notes a message that is about to be sent for the first time.
func (l *Ledger) Sending(from Device, to ...Device) Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	l.last[from]++
	m := Message{From: from, Number: l.last[from]}
	s := &sending{sent: l.clock}
	for _, recipient := range to {
		devices := []Device{recipient}
		if recipient.ID == AllDevices {
			devices = l.devices[recipient.User]
		}
		for _, d := range devices {
			if !slices.Contains(s.to, d) {
				s.to = append(s.to, d)
			}
		}
	}
	l.sent[m] = s
	return m
}

// Accepted notes that the message's request was answered with 200.
func (l *Ledger) Accepted(m Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sent[m]
	if s == nil || s.answered != 0 {
		panic("testserver: a message was accepted that is not under way: " + m.String())
	}
	l.clock++
	s.answered = l.clock
	for _, d := range s.to {
		if !slices.Contains(l.used[d], m) {
			if l.missing[d] == nil {
				l.missing[d] = make(map[Message]bool)
			}
			l.missing[d][m] = true
		}
	}
	l.accepts++
	l.announce()
}

// Used notes that a device has used a response with these events.
func (l *Ledger) Used(by Device, events []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, event := range events {
		m := messageOf(event)
		l.used[by] = append(l.used[by], m)
		delete(l.missing[by], m)
		l.uses++
	}
	l.announce()
}

// announce ends the waits for a change, to look again. The caller holds mu.
func (l *Ledger) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Missing tells how many accepted messages a device has not used.
func (l *Ledger) Missing(d Device) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.missing[d])
}

// Check fails the test if anything was lost, duplicated, out of order or
// unexpected.
func (l *Ledger) Check(t testing.TB) {
	t.Helper()
	report := l.Report()
	if len(report.Faults) > 0 {
		t.Errorf("ledger: %s", report)
		return
	}
	t.Logf("ledger: %s", report)
}
