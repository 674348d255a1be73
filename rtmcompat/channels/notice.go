package channels

import (
	"time"

	"github.com/chappe-im/chappe/rtmcompat/wire"
)

// crowd is the number of members above which nobody is told who comes and goes, and
// less often how many there are.
const crowd = 512

// tellJoined tells the members that one has joined, and that one how many there are.
func (c *channel) tellJoined(new *seat) {
	c.tellMembersJoined(new.uid)
	if len(c.seats) <= crowd {
		joined := Happening{UID: new.uid, Count: len(c.seats)}
		c.inOrder(func() { c.toGuests(joined) })
	}
	if !c.count() {
		new.member.Push(c.sizeFrame())
	}
}

func (c *channel) tellLeft(left *seat) {
	c.tellMembersLeft(left.uid)
	if len(c.seats) <= crowd {
		gone := Happening{UID: left.uid, Left: true, Count: len(c.seats)}
		c.inOrder(func() { c.toGuests(gone) })
	}
}

func (c *channel) tellMembersJoined(uid string) {
	if len(c.seats) <= crowd {
		frame := c.memberFrame("ChanMemberJoin", uid)
		c.inOrder(func() { c.push(frame, uid) })
	}
}

func (c *channel) tellMembersLeft(uid string) {
	if len(c.seats) == 0 {
		return
	}
	if len(c.seats) <= crowd {
		frame := c.memberFrame("ChanMemberLeave", uid)
		c.inOrder(func() { c.push(frame, uid) })
	}
	c.count()
}

// count tells the members how many they are: now, if they were not told a moment ago,
// else once that moment is over. It tells whether it was now.
func (c *channel) count() (now bool) {
	if c.counting != nil {
		return false
	}
	if wait := c.countEvery() - time.Since(c.counted); wait > 0 {
		c.counting = time.AfterFunc(wait, c.countLater)
		return false
	}
	c.tellSize()
	return true
}

func (c *channel) countLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counting = nil
	if !c.gone {
		c.count() // later still, if they have become a crowd
	}
}

func (c *channel) countEvery() time.Duration {
	if len(c.seats) > crowd {
		return 3 * time.Second
	}
	return time.Second
}

func (c *channel) tellSize() {
	c.counted = time.Now()
	c.push(c.sizeFrame(), "")
}

func (c *channel) sizeFrame() []byte {
	return wire.Frame("MemSizeChanged", struct {
		ChanId  string
		MemSize int
	}{c.name.channel, len(c.seats)})
}

func (c *channel) memberFrame(cmd, uid string) []byte {
	return wire.Frame(cmd, struct {
		ChanId      string
		UserId      string
		ChanMemSize int
	}{c.name.channel, uid, len(c.seats)})
}
