package main

import "fmt"

// A ledger is what one receiver knows of its senders: which message of each must
// come next. It belongs to the receiver.
type ledger struct {
	streams map[int]*stream // by sender
	verdict verdict
}

// A stream is one sender's messages as they arrive.
type stream struct {
	// next is one more than the highest number seen.
	next int64
	// missing holds the numbers below next that have not come; nil while there was none.
	missing map[int64]struct{}
}

// newLedger makes the ledger of a receiver of these senders.
func newLedger(senders ...int) *ledger {
	l := &ledger{streams: make(map[int]*stream)}
	for _, sender := range senders {
		l.streams[sender] = new(stream)
	}
	return l
}

// note enters a message that has arrived, and tells whether it is one that had not
// arrived before.
func (l *ledger) note(m message) (first bool) {
	s, known := l.streams[m.from]
	if !known {
		l.verdict.Misdelivered++
		return false
	}
	return s.note(m.seq, &l.verdict)
}

// close gives the verdict when nothing more can come. Accepted says how many
// messages the server has taken from a sender.
func (l *ledger) close(accepted func(sender int) int64) verdict {
	v := l.verdict
	for sender, s := range l.streams {
		s.close(accepted(sender), &v)
	}
	return v
}

// note enters a number, and what it breaks into the verdict.
func (s *stream) note(seq int64, v *verdict) (first bool) {
	switch _, late := s.missing[seq]; {
	case late:
		delete(s.missing, seq)
		v.OutOfOrder++
	case seq < s.next:
		v.Duplicated++
		return false
	default:
		for ; s.next < seq; s.next++ {
			if s.missing == nil {
				s.missing = make(map[int64]struct{})
			}
			s.missing[s.next] = struct{}{}
		}
		s.next++
	}
	return true
}

// close enters what has not come of so many.
func (s *stream) close(want int64, v *verdict) {
	v.Lost += int64(len(s.missing)) + max(want-s.next, 0)
	v.Misdelivered += max(s.next-want, 0) // nobody was told that it was accepted
}

// A verdict counts the messages that broke a promise.
type verdict struct {
	Lost         int64 `json:"lost"`
	Duplicated   int64 `json:"duplicated"`
	OutOfOrder   int64 `json:"out_of_order"`
	Misdelivered int64 `json:"misdelivered"` // to the wrong device, or never sent
}

func (v verdict) plus(w verdict) verdict {
	return verdict{
		Lost:         v.Lost + w.Lost,
		Duplicated:   v.Duplicated + w.Duplicated,
		OutOfOrder:   v.OutOfOrder + w.OutOfOrder,
		Misdelivered: v.Misdelivered + w.Misdelivered,
	}
}

// kept tells whether every promise was.
func (v verdict) kept() bool { return v == verdict{} }

func (v verdict) String() string {
	text := fmt.Sprintf("lost %d, duplicated %d, out of order %d", v.Lost, v.Duplicated, v.OutOfOrder)
	if v.Misdelivered > 0 {
		text += fmt.Sprintf(", misdelivered %d", v.Misdelivered)
	}
	return text
}
