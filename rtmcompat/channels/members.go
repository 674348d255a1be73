package channels

import "math/rand/v2"

// maxListed is how many members are named of a channel.
const maxListed = 512

// Members gives the uids of a channel's members, a random 512 if there are more, in no
// order.
func (h *Hub) Members(app, channel string) []string {
	c := h.lock(name{app, channel}, false)
	if c == nil {
		return nil
	}
	defer h.unlock(c)
	uids := make([]string, 0, min(len(c.seats), maxListed))
	if len(c.seats) <= maxListed {
		for _, s := range c.seats {
			uids = append(uids, s.uid)
		}
		return uids
	}
	for chosen := make(map[int]bool, maxListed); len(uids) < maxListed; {
		if i := rand.IntN(len(c.seats)); !chosen[i] {
			chosen[i] = true
			uids = append(uids, c.seats[i].uid)
		}
	}
	return uids
}

// Count gives the number of a channel's members.
func (h *Hub) Count(app, channel string) int {
	c := h.lock(name{app, channel}, false)
	if c == nil {
		return 0
	}
	defer h.unlock(c)
	return len(c.seats)
}

// Joined tells whether this member is in the channel.
func (h *Hub) Joined(app, channel string, m Member) bool {
	c := h.lock(name{app, channel}, false)
	if c == nil {
		return false
	}
	defer h.unlock(c)
	s := c.byUID[m.UID()]
	return s != nil && s.member == m
}

// Tell pushes a frame to all members of a channel.
func (h *Hub) Tell(app, channel string, frame []byte) {
	if c := h.lock(name{app, channel}, false); c != nil {
		defer h.unlock(c)
		c.push(frame, "")
	}
}
