package channels

import "time"

// A Turn is a place in the order of a channel that is taken before it is known whether
// anything will be there. Until it ends, nothing else is said in the channel: what is to
// come after it waits. So a message can be put on disk before anyone has it, and still
// has the same place for all.
type Turn struct {
	hub *Hub
	c   *channel
}

// Turn waits for the turns before it. It must be ended.
func (h *Hub) Turn(app, channel string) *Turn {
	c := h.lock(name{app, channel}, true)
	c.turns++ // so that it does not end
	c.mu.Unlock()
	c.turn.Lock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inTurn = true
	return &Turn{h, c}
}

// Guests gives the guests of the channel. Nobody may change the slice.
func (t *Turn) Guests() []string {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.c.guestList()
}

// Has tells whether this is a guest of the channel.
func (t *Turn) Has(uid string) bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	s := t.c.byUID[uid]
	return s != nil && s.member == nil
}

// Count gives the number of members.
func (t *Turn) Count() int {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return len(t.c.seats)
}

// Say gives a message to all members but those of its sender's uid and the guests, who
// have it otherwise.
func (t *Turn) Say(m Message) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if m.At.IsZero() {
		m.At = time.Now()
	}
	t.c.deliver(m)
}

// Admit makes somebody a guest, and Dismiss ends that. The members are told, but not the
// guests.
func (t *Turn) Admit(uid string) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.c.admit(uid)
}

func (t *Turn) Dismiss(uid string) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if s := t.c.byUID[uid]; s != nil && s.member == nil {
		t.c.remove(s)
		t.c.tellMembersLeft(s.uid)
	}
}

// End lets come what has waited.
func (t *Turn) End() {
	t.c.mu.Lock()
	t.c.inTurn = false
	for _, do := range t.c.waiting {
		do()
	}
	t.c.waiting = nil
	t.c.turns--
	t.hub.unlock(t.c)
	t.c.turn.Unlock()
}

// inOrder does something at its place in the order: now, or after the turn there is.
func (c *channel) inOrder(do func()) {
	if c.inTurn {
		c.waiting = append(c.waiting, do)
		return
	}
	do()
}
