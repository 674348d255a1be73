package channels

import "time"

// What a channel remembers for those who come back.
const (
	ringSize = 32
	ringTime = 30 * time.Second
)

// A sequence is a message's place in the order of its channel. The first has 1.
type sequence uint64

// A ring is the last messages of a channel. It is guarded by the channel's lock.
type ring struct {
	last   sequence
	said   []said      // oldest first
	expiry *time.Timer // forgets what is too old; nil if there is nothing
}

type said struct {
	sequence sequence
	at       time.Time
	from     string
	frame    []byte
}

// add remembers a message.
func (r *ring) add(from string, frame []byte, now time.Time) {
	r.last++
	if len(r.said) == ringSize {
		r.said = append(r.said[:0], r.said[1:]...)
	}
	r.said = append(r.said, said{r.last, now, from, frame})
}

// after gives what was said after a message, and not too long ago.
func (r *ring) after(given sequence, now time.Time) []said {
	for i, s := range r.said {
		if s.sequence > given && now.Sub(s.at) <= ringTime {
			return r.said[i:]
		}
	}
	return nil
}

// before gives the last message that was said before a time.
func (r *ring) before(t time.Time) sequence {
	for i := len(r.said) - 1; i >= 0; i-- {
		if r.said[i].at.Before(t) {
			return r.said[i].sequence
		}
	}
	return 0
}

// expire forgets what is too old, and gives the time until it must do so again: 0 if
// there is nothing left.
func (r *ring) expire(now time.Time) (next time.Duration) {
	for len(r.said) > 0 && now.Sub(r.said[0].at) > ringTime {
		r.said = append(r.said[:0], r.said[1:]...)
	}
	if len(r.said) == 0 {
		r.said = nil
		return 0
	}
	return r.said[0].at.Add(ringTime).Sub(now) + 1
}

// forget forgets everything.
func (r *ring) forget() {
	r.said = nil
	if r.expiry != nil {
		r.expiry.Stop()
	}
}
