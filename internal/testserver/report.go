package testserver

import (
	"fmt"
	"slices"
	"strings"
)

// Counts are a ledger's sums, over messages and the devices each was sent to: a
// message for three devices is three. See [Ledger] for what the words mean.
type Counts struct {
	Accepted   int
	Delivered  int // used at least once, accepted or not
	Lost       int
	Duplicated int
	OutOfOrder int
	Unexpected int
}

// A Report is what a ledger has found so far.
type Report struct {
	Counts
	// Faults says in words what was lost, duplicated, out of order or unexpected.
	Faults []string
}

// String gives the sums, and the first of the faults.
func (r Report) String() string {
	const shown = 20
	var out strings.Builder
	fmt.Fprintf(&out, "%d accepted, %d delivered, %d lost, %d duplicated, %d out of order, %d unexpected",
		r.Accepted, r.Delivered, r.Lost, r.Duplicated, r.OutOfOrder, r.Unexpected)
	for i, fault := range r.Faults {
		if i == shown {
			fmt.Fprintf(&out, "\n\tand %d more", len(r.Faults)-shown)
			break
		}
		out.WriteString("\n\t" + fault)
	}
	return out.String()
}

func (r *Report) fault(count *int, m Message, what string, d Device) {
	*count++
	r.Faults = append(r.Faults, fmt.Sprintf("%s: %s %s", m, what, d))
}

// Report compares what was accepted with what was used.
func (l *Ledger) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	var r Report
	for d, used := range l.used {
		l.checkUses(&r, d, used)
	}
	for m, s := range l.sent {
		if s.answered == 0 {
			continue
		}
		r.Accepted += len(s.to)
		for _, d := range s.to {
			if l.missing[d][m] {
				r.fault(&r.Lost, m, "lost on the way to", d)
			}
		}
	}
	slices.Sort(r.Faults)
	return r
}

// checkUses goes through what one device has used, in its order.
func (l *Ledger) checkUses(r *Report, d Device, used []Message) {
	seen := make(map[Message]bool, len(used))
	// latest is, by sending device, when the latest sent of the messages so far was
	// sent.
	latest := make(map[Device]int)
	for _, m := range used {
		s := l.sent[m]
		switch {
		case s == nil || !slices.Contains(s.to, d):
			r.fault(&r.Unexpected, m, "was not sent to", d)
			continue
		case seen[m]:
			r.fault(&r.Duplicated, m, "came again to", d)
			continue
		case s.answered != 0 && s.answered < latest[m.From]:
			r.fault(&r.OutOfOrder, m, "came late to", d)
		}
		seen[m] = true
		r.Delivered++
		latest[m.From] = max(latest[m.From], s.sent)
	}
}
