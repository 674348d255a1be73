package channels

import (
	"sync"
	"time"
)

// A channel is one while somebody is in it.
type channel struct {
	name name

	mu    sync.Mutex
	gone  bool             // it has ended: nobody may join; guarded by mu
	used  bool             // it has had members; guarded by mu
	byUID map[string]*seat // guarded by mu
	seats []*seat          // the same, for giving all something; guarded by mu
	ring  ring             // guarded by mu
	// counted is when the members were last told how many they are, and counting will
	// tell them again, nil where nothing has changed since. Guarded by mu.
	counted  time.Time
	counting *time.Timer

	// turn is held by who has the turn. It is taken before mu.
	turn    sync.Mutex
	turns   int      // those that have the turn, or wait for it; guarded by mu
	inTurn  bool     // somebody has it; guarded by mu
	waiting []func() // what is to come after it; guarded by mu

	tellGuests func(Happening) // nil if nobody is to be told
	guestCount int             // guarded by mu
	guests     []string        // nil where it must be made anew; guarded by mu
}

// A seat is a member's place in a channel. It is guarded by the channel's lock.
type seat struct {
	uid    string
	member Member // nil for a guest
	index  int    // in seats
	paused bool
	// given is the last message that is not to be given to the member again once it is
	// resumed.
	given sequence
}

// seat gives somebody new a seat.
func (c *channel) seat(uid string, m Member) *seat {
	c.used = true
	s := &seat{uid: uid, member: m, index: len(c.seats), given: c.ring.last}
	c.byUID[uid] = s
	c.seats = append(c.seats, s)
	if m == nil {
		c.guestCount++
		c.guests = nil
	}
	return s
}

// remove ends a membership.
func (c *channel) remove(s *seat) {
	last := len(c.seats) - 1
	c.seats[s.index] = c.seats[last]
	c.seats[s.index].index = s.index
	c.seats[last] = nil
	c.seats = c.seats[:last]
	delete(c.byUID, s.uid)
	if s.member == nil {
		c.guestCount--
		c.guests = nil
	}
}

func (c *channel) pause(s *seat, heard time.Time) {
	if !s.paused {
		s.paused = true
		s.given = max(s.given, c.ring.before(heard))
	}
}

// resume gives a member what it has missed, and how many there are now.
func (c *channel) resume(s *seat) {
	if s.paused {
		s.paused = false
		for _, said := range c.ring.after(s.given, time.Now()) {
			if said.from != s.uid {
				s.member.Push(said.frame)
			}
		}
	}
	s.member.Push(c.sizeFrame())
}

// push gives all members a frame but the one of an uid.
func (c *channel) push(frame []byte, but string) {
	for _, s := range c.seats {
		if s.member != nil && !s.paused && s.uid != but {
			s.member.Push(frame)
		}
	}
}

// others counts the members but the one of an uid.
func (c *channel) others(uid string) int {
	if c.byUID[uid] != nil {
		return len(c.seats) - 1
	}
	return len(c.seats)
}

// end stops what is to happen in a channel that nobody is in.
func (c *channel) end() {
	c.gone = true
	c.ring.forget()
	if c.counting != nil {
		c.counting.Stop()
	}
}
