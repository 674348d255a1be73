// Package channels is the channels of RTM, in memory: who is in each, what its members
// are told, and what was said in the last half minute. It does no I/O of its own; what a
// member is given, it takes somewhere else.
//
// A channel is there while it has members. All that happens in it happens in one order,
// which is the same for all members.
//
// A member whose connection breaks is paused: it is still in its channels, counted and
// listed, but is given nothing. Until it is resumed, or leaves, its channels remember
// what it misses, as long as they remember anything.
package channels

import (
	"errors"
	"sync"
	"time"
)

// A Member is who is in a channel, most often the session of a user.
type Member interface {
	// UID is who the member is in its app. It never changes.
	UID() string
	// Push gives the member a frame. It must not block and is called with locks held,
	// so it must not call the Hub. Others have the same frame: nobody may change it.
	Push(frame []byte)
}

// What a member is refused.
var (
	// ErrTooManyChannels: the member is in as many channels as one may be.
	ErrTooManyChannels = errors.New("too many channels")
	// ErrTooOften: the member joins too often.
	ErrTooOften = errors.New("joins too often")
	// ErrSameTooOften: the member joins this channel too often.
	ErrSameTooOften = errors.New("joins the same channel too often")
	// ErrIsGuest: somebody of this uid is in the channel as a guest. Sessions have uids
	// that no guest has.
	ErrIsGuest = errors.New("in the channel as a guest")
	// ErrNotMember: who sends or comes back is not in the channel.
	ErrNotMember = errors.New("not in the channel")
)

// A Hub has the channels of all apps of one server. Its methods may be called from any
// goroutine.
//
// Locks are taken in this order: that of a channel, then that of the Hub. No more than
// one channel is locked at a time.
type Hub struct {
	mu       sync.RWMutex
	channels map[name]*channel   // guarded by mu
	members  map[Member]*history // guarded by mu
	ended    []func(app, channel string)
	// tellGuests tells guests, nil if nobody is to be told.
	tellGuests func(Happening)
}

// An Option says what a Hub is to do besides.
type Option func(*Hub)

// OnEnd has a function called whenever the last member of a channel has left. It is
// called without locks, so there may be members again. It should return soon.
func OnEnd(do func(app, channel string)) Option {
	return func(h *Hub) { h.ended = append(h.ended, do) }
}

// A name is a channel's. Channels of different apps are different ones.
type name struct{ app, channel string }

// New makes a Hub without channels.
func New(options ...Option) *Hub {
	h := &Hub{channels: make(map[name]*channel), members: make(map[Member]*history)}
	for _, option := range options {
		option(h)
	}
	return h
}

// Join takes a member into a channel, and pushes it the number of members; the others
// are told of it. joined is false, without an error, if it is a member already and
// is not paused. One that is paused is resumed, as by Resume.
//
// Where another member has the same uid, this one takes its place, and nobody is told.
// The errors are ErrTooManyChannels, ErrTooOften and ErrSameTooOften.
func (h *Hub) Join(app, channel string, m Member) (joined bool, err error) {
	c := h.lock(name{app, channel}, true)
	defer h.unlock(c)
	uid := m.UID()
	was := c.byUID[uid]
	if was != nil && was.member == nil {
		return false, ErrIsGuest
	}
	if was != nil && was.member == m && !was.paused {
		return false, nil
	}
	if was != nil {
		h.replace(c, was, m)
		c.resume(was)
		return true, nil
	}
	if err := h.admit(m, c, time.Now()); err != nil {
		return false, err
	}
	c.tellJoined(c.seat(uid, m))
	return true, nil
}

// Resume makes a member that was paused, or one that comes in its place with the same
// uid, be given again what happens in the channel, and pushes it the messages it has
// missed: of the last 30 seconds, and the last 32 at most. Nobody else is told. It fails
// with ErrNotMember if nobody of this uid is in the channel (any more).
//
// The SDK has no ears for a channel before it has sent JoinChannel again: so it is that
// which resumes a member, not its login.
func (h *Hub) Resume(app, channel string, m Member) error {
	c := h.lock(name{app, channel}, false)
	if c == nil {
		return ErrNotMember
	}
	defer h.unlock(c)
	was := c.byUID[m.UID()]
	if was == nil || was.member == nil {
		return ErrNotMember
	}
	h.replace(c, was, m)
	c.resume(was)
	return nil
}

// Pause makes a member be given nothing until it is resumed or leaves, in all its
// channels. What it was given before heard (when there was last a sign that its
// connection works) has arrived; what it was given since is missed as what comes now.
func (h *Hub) Pause(m Member, heard time.Time) {
	for _, n := range h.namesOf(m) {
		if c := h.lock(n, false); c != nil {
			if s := c.byUID[m.UID()]; s != nil && s.member == m {
				c.pause(s, heard)
			}
			h.unlock(c)
		}
	}
}

// Leave ends a membership, and tells the others. It is false if there was none.
func (h *Hub) Leave(app, channel string, m Member) bool {
	c := h.lock(name{app, channel}, false)
	if c == nil {
		return false
	}
	defer h.unlock(c)
	s := c.byUID[m.UID()]
	if s == nil || s.member != m {
		return false
	}
	h.forget(m, c)
	c.remove(s)
	c.tellLeft(s)
	return true
}

// LeaveAll ends all memberships of a member, and forgets it: it must be called when a
// session is over. It gives the channels the member was in.
func (h *Hub) LeaveAll(m Member) (left []string) {
	for _, n := range h.namesOf(m) {
		if h.Leave(n.app, n.channel, m) {
			left = append(left, n.channel)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.members, m)
	return left
}

// lock gives a channel, locked. Where there is none it makes it, or gives nil.
func (h *Hub) lock(n name, make bool) *channel {
	for {
		h.mu.RLock()
		c := h.channels[n]
		h.mu.RUnlock()
		if c == nil && !make {
			return nil
		}
		if c == nil {
			c = h.create(n)
		}
		c.mu.Lock()
		if !c.gone {
			return c
		}
		c.mu.Unlock() // it ended meanwhile, and there may be another of its name
	}
}

func (h *Hub) create(n name) *channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.channels[n] == nil {
		h.channels[n] = &channel{name: n, byUID: make(map[string]*seat), tellGuests: h.tellGuests}
	}
	return h.channels[n]
}

// unlock unlocks a channel, and ends it if nobody is in it.
func (h *Hub) unlock(c *channel) {
	if len(c.seats) > 0 || c.turns > 0 {
		c.mu.Unlock()
		return
	}
	c.end()
	h.remove(c)
	used := c.used
	c.mu.Unlock()
	if !used {
		return
	}
	for _, do := range h.ended {
		do(c.name.app, c.name.channel)
	}
}

func (h *Hub) remove(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.channels, c.name)
}
