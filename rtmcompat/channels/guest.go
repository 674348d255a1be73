package channels

// Guests are members that are no sessions: they are counted and listed, and given what
// happens by somebody else, who is told of it by the option TellGuests. What is said in a
// [Turn] is not told: whoever has the turn gives it to them.

// A Happening is what guests of a channel are to be given.
type Happening struct {
	App, Channel string
	// To are the guests it is for. Nobody may change the slice.
	To []string
	// Said is what was said, nil where somebody has come or gone.
	Said *Message
	// UID is who has come, or has gone if Left.
	UID  string
	Left bool
	// Count is how many members there are then.
	Count int
}

// TellGuests has a function called with what guests are to be given, in the order of each
// channel. It is called with locks held: it must not block, nor call the Hub.
func TellGuests(tell func(Happening)) Option {
	return func(h *Hub) { h.tellGuests = tell }
}

// Guest makes somebody a guest without telling anyone: one that was a guest before this
// Hub was made.
func (h *Hub) Guest(app, channel, uid string) {
	c := h.lock(name{app, channel}, true)
	defer h.unlock(c)
	if c.byUID[uid] == nil {
		c.seat(uid, nil)
	}
}

// Guests gives the guests of an app by their channels.
func (h *Hub) Guests(app string) map[string][]string {
	guests := make(map[string][]string)
	for _, n := range h.namesIn(app) {
		if c := h.lock(n, false); c != nil {
			if list := c.guestList(); len(list) > 0 {
				guests[n.channel] = list
			}
			h.unlock(c)
		}
	}
	return guests
}

func (h *Hub) namesIn(app string) (names []name) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for n := range h.channels {
		if n.app == app {
			names = append(names, n)
		}
	}
	return names
}

// admit makes somebody a guest, and tells the members that are none.
func (c *channel) admit(uid string) {
	if c.byUID[uid] == nil {
		c.seat(uid, nil)
		c.tellMembersJoined(uid)
		c.count()
	}
}

// guestList gives the guests, in a slice that stays as it is.
func (c *channel) guestList() []string {
	if c.guests == nil {
		for _, s := range c.seats {
			if s.member == nil {
				c.guests = append(c.guests, s.uid)
			}
		}
	}
	return c.guests
}

// toGuests tells of what happens those guests it does not come from.
func (c *channel) toGuests(e Happening) {
	if c.tellGuests == nil || c.guestCount == 0 {
		return
	}
	e.App, e.Channel, e.To = c.name.app, c.name.channel, c.guestList()
	c.tellGuests(e)
}
