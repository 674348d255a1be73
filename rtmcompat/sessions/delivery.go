package sessions

import (
	"math"
	"slices"

	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

// A delivery is how far a session's client has been given what comes for it. What is
// stored comes in the order of its positions; what is not stored in between, where it was
// accepted.
type delivery struct {
	// read is the position up to which what is stored was given.
	read todevice.Position
	// news is true if there may be something beyond it; pumping, if a goroutine looks.
	news, pumping bool
	live          []liveMessage
	liveBytes     int // in live
	// given is what the client has not acknowledged yet, in the order it was sent.
	given      []givenMessage
	givenBytes int // in the frames of given
	nextID     int64
	// confirm is the position up to which the client has acknowledged what is stored;
	// confirming is true while that is made to last.
	confirm    todevice.Position
	confirming bool
}

// A liveMessage is one that is not stored.
type liveMessage struct {
	// after is the highest position that may have been accepted before it.
	after  todevice.Position
	number uint64
	event  []byte
}

// A givenMessage is one that was sent to the client: of a position, or a number.
type givenMessage struct {
	id       int64
	position todevice.Position
	number   uint64
	frame    []byte // nil where nothing is sent, as the client would not understand it
	acked    bool
}

// again sends what was not acknowledged, on a new connection.
func (d *delivery) again(c *connection) {
	for _, message := range d.given {
		if !message.acked {
			c.send(message.frame)
		}
	}
}

// full tells whether the client may be given nothing more until it has acknowledged
// something. All that was given then has room in the queue of a new connection.
func (d *delivery) full() bool {
	return len(d.given) >= maxUnacknowledged || d.givenBytes >= maxUnacknowledgedBytes
}

// Wake has the session look for what was stored.
func (ss *session) Wake() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.wakeLocked()
}

func (ss *session) wakeLocked() {
	ss.out.news = true
	if !ss.out.pumping && ss.readyLocked() {
		ss.out.pumping = true
		go ss.pump()
	}
}

// readyLocked tells whether the client may be given messages of users now.
func (ss *session) readyLocked() bool {
	return ss.conn != nil && !ss.server.draining.Load() && !ss.fetch.holding() && !ss.out.full()
}

// Take gives the session a message that is not stored.
func (ss *session) Take(number uint64, event []byte) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.ended || len(ss.out.live) >= maxLive || ss.out.liveBytes+len(event) > maxLiveBytes {
		return false
	}
	if !ss.out.news && !ss.out.pumping && len(ss.out.live) == 0 && ss.readyLocked() {
		// All that was accepted before it has been given: it has waked the session.
		ss.giveLocked(event, givenMessage{number: number})
		return true
	}
	ss.out.liveBytes += len(event)
	ss.out.live = append(ss.out.live, liveMessage{ss.server.store.Head(), number, event})
	ss.wakeLocked()
	return true
}

// owes tells whether the client is there and has not acknowledged all that it was given, or
// that is not on disk yet.
func (ss *session) owes() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.conn != nil && (len(ss.out.given) > 0 || ss.out.confirming)
}

// pump gives the client what is there for it until that is all.
func (ss *session) pump() {
	for {
		ss.mu.Lock()
		if !ss.out.news || !ss.readyLocked() {
			ss.out.pumping = false
			ss.mu.Unlock()
			return
		}
		ss.out.news = false
		after, live := ss.out.read, len(ss.out.live)
		ss.mu.Unlock()

		events, more, err := ss.server.store.Pending(ss.server.running, ss.device.Inbox, after)
		ss.mu.Lock()
		if err != nil {
			ss.server.log.WithError(err).Error("could not read the messages of an RTM session")
			ss.out.pumping = false // the next one, or the next tick, tries again
			ss.out.news = true
			ss.mu.Unlock()
			return
		}
		if ss.out.read == after { // else the client has fetched them meanwhile
			ss.giveAllLocked(events, more, live)
		} else {
			ss.out.news = true
		}
		ss.mu.Unlock()
	}
}

// giveAllLocked gives the client what was read, and between it what is not stored, until it
// may be given no more: the rest is read again. Of what follows the last that was read, it
// gives only so much as was there before the reading: what has come since may follow
// something that was not visible yet.
func (ss *session) giveAllLocked(events []todevice.Event, more bool, liveBefore int) {
	notYet := len(ss.out.live) - liveBefore
	for _, event := range events {
		ss.giveLiveLocked(len(ss.out.live), event.Position-1)
		if ss.out.full() {
			ss.out.news = true
			return
		}
		ss.giveLocked(event.JSON, givenMessage{position: event.Position})
		ss.out.read = event.Position
	}
	if !more {
		ss.giveLiveLocked(len(ss.out.live)-notYet, math.MaxInt64)
	}
	ss.out.news = ss.out.news || more || len(ss.out.live) > 0
}

// giveLiveLocked gives what is not stored and was accepted after no more than a position:
// so many at most, and as much as the client may be given.
func (ss *session) giveLiveLocked(most int, upTo todevice.Position) {
	n := 0
	for n < most && ss.out.live[n].after <= upTo && !ss.out.full() {
		message := ss.out.live[n]
		ss.out.liveBytes -= len(message.event)
		ss.giveLocked(message.event, givenMessage{number: message.number})
		n++
	}
	if ss.out.live = ss.out.live[n:]; len(ss.out.live) == 0 {
		ss.out.live = nil
	}
}

// giveLocked sends one event to the client, and remembers that it must be acknowledged.
// What the client would not understand counts as acknowledged.
func (ss *session) giveLocked(event []byte, message givenMessage) {
	message.id = ss.out.nextID
	ss.out.nextID++
	message.frame = ss.frameLocked(event, message.id)
	message.acked = message.frame == nil
	ss.out.given = append(ss.out.given, message)
	ss.out.givenBytes += len(message.frame)
	if message.frame == nil {
		ss.giveFarLocked(event)
		go ss.settle()
	} else if ss.conn != nil {
		ss.conn.send(message.frame)
	}
}

// giveFarLocked tells the client what happens in a channel of another server, if an event
// is of that. The client does not acknowledge it.
func (ss *session) giveFarLocked(event []byte) {
	frames, ok := ss.farFramesLocked(event)
	if !ok {
		ss.server.metrics.skipped.Inc()
	}
	for _, frame := range frames {
		if ss.conn != nil {
			ss.conn.send(frame)
		}
	}
}

// frameLocked writes an event as the client knows it, nil for one it does not.
func (ss *session) frameLocked(event []byte, id int64) []byte {
	peer, sender, ok := readPeerEvent(event)
	if !ok {
		return nil
	}
	return wire.Frame("RecvMsgFromPeer", struct {
		MsgId   int64
		FromUId string
		MsgType int
		MsgBody string
		SvrTS   int64
	}{id, ss.server.door.UID(ss.app, sender), 1, *peer.Content.Payload, peer.Content.ServerTS})
}

// acknowledge notes that the client has a message, and so all it was sent before: those
// whose listeners have failed are not acknowledged.
func (ss *session) acknowledge(id int64) (known bool) {
	ss.mu.Lock()
	n := slices.IndexFunc(ss.out.given, func(m givenMessage) bool { return m.id == id })
	if n >= 0 && !ss.out.given[n].acked {
		known = true
		for i := range ss.out.given[:n+1] {
			ss.out.given[i].acked = true
		}
	}
	ss.mu.Unlock()
	if known {
		ss.settle()
	}
	return known
}

// settle confirms what the client has acknowledged without a gap.
func (ss *session) settle() {
	ss.mu.Lock()
	var live uint64
	full := ss.out.full()
	n := 0
	for n < len(ss.out.given) && ss.out.given[n].acked {
		ss.out.confirm = max(ss.out.confirm, ss.out.given[n].position)
		live = max(live, ss.out.given[n].number)
		ss.out.givenBytes -= len(ss.out.given[n].frame)
		n++
	}
	stored := ss.out.given[:n]
	if ss.out.given = ss.out.given[n:]; len(ss.out.given) == 0 {
		ss.out.given = nil
	}
	begin := false
	for _, message := range stored {
		begin = begin || message.position != 0
	}
	begin = begin && !ss.out.confirming
	ss.out.confirming = ss.out.confirming || begin
	if full && n > 0 {
		ss.wakeLocked()
	}
	ss.mu.Unlock()
	if live != 0 {
		ss.server.notifier.ConfirmedLive(ss.device.Inbox, live)
	}
	if begin {
		go ss.confirm()
	}
}

// confirm makes it last that the client has acknowledged what is stored, and only then
// tells those who wait for that.
func (ss *session) confirm() {
	var done todevice.Position
	for {
		ss.mu.Lock()
		upTo := ss.out.confirm
		if upTo == done {
			ss.out.confirming = false
			ss.mu.Unlock()
			return
		}
		ss.mu.Unlock()
		if _, err := ss.server.store.Confirm(ss.server.running, ss.device.Inbox, upTo); err != nil {
			ss.server.log.WithError(err).Error("could not confirm the messages of an RTM session")
			ss.mu.Lock()
			ss.out.confirming = false // the next acknowledgement tries again
			ss.mu.Unlock()
			return
		}
		ss.server.notifier.Confirmed(ss.device.Inbox, upTo)
		done = upTo
	}
}

// confirmLast makes last what the client has acknowledged so far, at the end.
func (ss *session) confirmLast() {
	ss.mu.Lock()
	confirming, upTo := ss.out.confirming, ss.out.confirm
	ss.mu.Unlock()
	if !confirming {
		return
	}
	if _, err := ss.server.store.Confirm(ss.server.running, ss.device.Inbox, upTo); err != nil {
		ss.server.log.WithError(err).Error("could not confirm the last messages of an RTM session")
	}
}
