package channels

import "time"

// How often a member may join, and how many channels.
const (
	maxChannels = 20
	maxJoins    = 50 // in joinWindow
	joinWindow  = 3 * time.Second
	maxSame     = 2 // in sameWindow
	sameWindow  = 5 * time.Second
)

// A history is what is remembered of a member: where it is, and when it has joined. It
// is guarded by the Hub's lock.
type history struct {
	in    map[name]bool
	joins []joining // of the last sameWindow, oldest first
}

type joining struct {
	channel name
	at      time.Time
}

// admit notes that a member joins a channel, if it may.
func (h *Hub) admit(m Member, c *channel, now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.of(m)
	if len(of.in) >= maxChannels {
		return ErrTooManyChannels
	}
	for len(of.joins) > 0 && now.Sub(of.joins[0].at) >= sameWindow {
		of.joins = of.joins[1:]
	}
	all, same := 0, 0
	for _, j := range of.joins {
		if now.Sub(j.at) < joinWindow {
			all++
		}
		if j.channel == c.name {
			same++
		}
	}
	switch {
	case all >= maxJoins:
		return ErrTooOften
	case same >= maxSame:
		return ErrSameTooOften
	}
	of.joins = append(of.joins, joining{c.name, now})
	of.in[c.name] = true
	return nil
}

// of gives the history of a member, which begins now if it has none. It is called with
// the Hub's lock held.
func (h *Hub) of(m Member) *history {
	if h.members[m] == nil {
		h.members[m] = &history{in: make(map[name]bool)}
	}
	return h.members[m]
}

// replace puts a member in the place of the one that has its seat.
func (h *Hub) replace(c *channel, s *seat, m Member) {
	if s.member == m {
		return
	}
	h.forget(s.member, c)
	h.mu.Lock()
	defer h.mu.Unlock()
	s.member = m
	h.of(m).in[c.name] = true
}

// forget notes that a member is not in a channel any more.
func (h *Hub) forget(m Member, c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if of := h.members[m]; of != nil {
		delete(of.in, c.name)
	}
}

// namesOf gives the channels a member is in.
func (h *Hub) namesOf(m Member) (names []name) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if of := h.members[m]; of != nil {
		for n := range of.in {
			names = append(names, n)
		}
	}
	return names
}
