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
	byUID map[string]*seat // guarded by mu
	seats []*seat          // the same, for giving all something; guarded by mu
	ring  ring             // guarded by mu
	// counted is when the members were last told how many they are, and counting will
	// tell them again, nil where nothing has changed since. Guarded by mu.
	counted  time.Time
	counting *time.Timer
}

// A seat is a member's place in a channel. It is guarded by the channel's lock.
type seat struct {
	uid    string
	member Member
	index  int // in seats
	paused bool
	// given is the last message that is not to be given to the member again once it is
	// resumed.
	given sequence
}

func newChannel(n name) *channel {
	return &channel{name: n, byUID: make(map[string]*seat)}
}

// add takes in somebody new, and tells the others.
func (c *channel) add(uid string, m Member) {
	s := &seat{uid: uid, member: m, index: len(c.seats), given: c.ring.last}
	c.byUID[uid] = s
	c.seats = append(c.seats, s)
	c.tellJoined(s)
}

// remove ends a membership, and tells the others.
func (c *channel) remove(s *seat) {
	last := len(c.seats) - 1
	c.seats[s.index] = c.seats[last]
	c.seats[s.index].index = s.index
	c.seats[last] = nil
	c.seats = c.seats[:last]
	delete(c.byUID, s.uid)
	c.tellLeft(s)
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

// push gives all members a frame but the one of an uid, and gives their number.
func (c *channel) push(frame []byte, but string) (given int) {
	for _, s := range c.seats {
		if s.uid == but {
			continue
		}
		given++
		if !s.paused {
			s.member.Push(frame)
		}
	}
	return given
}

// end stops what is to happen in a channel that nobody is in.
func (c *channel) end() {
	c.gone = true
	c.ring.forget()
	if c.counting != nil {
		c.counting.Stop()
	}
}
