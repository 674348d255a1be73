package channels

import (
	"time"

	"github.com/chappe-im/chappe/rtmcompat/wire"
)

// A Message is what somebody says in a channel.
type Message struct {
	// From is who says it.
	From string
	// MsgID is what the sender calls it.
	MsgID int64
	Body  string
	// At is when the server had it, the zero time for now.
	At time.Time
	// Sender is the member that sends it, nil for somebody who need not be in the
	// channel. Where it is a member, From is its uid.
	Sender Member
}

// Publish gives a message to all members but those of its sender's uid, each in the
// order of the channel, and gives their number, those that are paused included. It
// fails with ErrNotMember if its sender must be a member and is not.
func (h *Hub) Publish(app, channel string, m Message) (members int, err error) {
	c := h.lock(name{app, channel}, false)
	if c == nil && m.Sender != nil {
		return 0, ErrNotMember
	} else if c == nil {
		return 0, nil // who joins later is not given what was said before
	}
	defer h.unlock(c)
	if m.Sender != nil {
		if s := c.byUID[m.Sender.UID()]; s == nil || s.member != m.Sender {
			return 0, ErrNotMember
		}
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	c.inOrder(func() {
		c.deliver(m)
		c.toGuests(Happening{Said: &m, UID: m.From, Count: len(c.seats)})
	})
	return c.others(m.From), nil
}

// deliver gives a message to the members that are no guests.
func (c *channel) deliver(m Message) {
	now := time.Now()
	frame := messageFrame(c.name.channel, m)
	c.ring.add(m.From, frame, now)
	if c.ring.expiry == nil {
		c.ring.expiry = time.AfterFunc(ringTime+1, c.expire)
	}
	c.push(frame, m.From)
}

// expire forgets what was said too long ago, even if nothing is said any more: bodies
// may be long, and channels many.
func (c *channel) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if next := c.ring.expire(time.Now()); c.gone || next == 0 {
		c.ring.expiry = nil
	} else {
		c.ring.expiry.Reset(next)
	}
}

func messageFrame(channel string, m Message) []byte {
	return wire.Frame("RecvMsgFromChan", struct {
		ChanId  string
		MsgId   int64
		FromUId string
		MsgType int
		MsgBody string
		SvrTS   int64 // Unix milliseconds
	}{channel, m.MsgID, m.From, 1, m.Body, m.At.UnixMilli()})
}
