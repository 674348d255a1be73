package sessions

import (
	"time"

	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxElsewhere is how many channels of other servers a session may be in.
	maxElsewhere = 20
	// askAgain is how long after it has joined a channel of another server a session joins
	// again, so as not to be taken for gone. A day would be too long.
	askAgain = 12 * time.Hour
)

// joinFailure is the code of a fault that is not the program's.
const joinFailure = 1

// A farChannel is a channel of another server that the session is in. The server is told
// by to-device events what the session wants, and tells by them what happens.
type farChannel struct {
	asked   time.Time // when it last was asked to let the session in
	members int       // as far as it was told
}

// joinElsewhere takes the session into a channel of another server. The client has its
// answer before that server does: it may be away.
func (ss *session) joinElsewhere(channel string) {
	code, joins := ss.beginElsewhere(channel)
	if joins {
		if err := ss.ask(guests.Join, channel, ""); err != nil {
			code = joinFailure
			ss.endElsewhere(channel)
		} else {
			ss.server.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMJoin, User: ss.uid, Channel: channel})
		}
	}
	ss.send("JoinChannel", map[string]any{"Code": code, "ChanId": channel})
}

// beginElsewhere notes that the session is in a channel. joins is false if it is already,
// or may not.
func (ss *session) beginElsewhere(channel string) (code int, joins bool) {
	may := ss.may(joiningElsewhere)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	switch {
	case ss.elsewhere[channel] != nil:
		return 0, false
	case len(ss.elsewhere) >= maxElsewhere:
		return joinTooMany, false
	case !may:
		return joinTooOften, false
	}
	if ss.elsewhere == nil {
		ss.elsewhere = make(map[string]*farChannel)
	}
	ss.elsewhere[channel] = &farChannel{asked: time.Now()}
	return 0, true
}

// endElsewhere notes that the session is not in a channel any more, and tells whether it
// was.
func (ss *session) endElsewhere(channel string) (was bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	was = ss.elsewhere[channel] != nil
	delete(ss.elsewhere, channel)
	return was
}

func (ss *session) leaveElsewhere(channel string) {
	code := leaveNotJoined
	if ss.endElsewhere(channel) {
		code = 0
		_ = ss.ask(guests.Leave, channel, "") // else it is forgotten there after a day
		ss.server.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMLeave, User: ss.uid, Channel: channel})
	}
	ss.send("LeaveChannel", map[string]any{"Code": code, "ChanId": channel})
}

// leaveAllElsewhere ends what a session that is over has with other servers.
func (ss *session) leaveAllElsewhere() {
	for _, channel := range ss.channelsElsewhere() {
		if ss.endElsewhere(channel) {
			_ = ss.ask(guests.Leave, channel, "")
			ss.server.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMLeave, User: ss.uid, Channel: channel})
		}
	}
}

func (ss *session) channelsElsewhere() (channels []string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for channel := range ss.elsewhere {
		channels = append(channels, channel)
	}
	return channels
}

// sayElsewhere gives the code of sending to a channel of another server.
func (ss *session) sayElsewhere(channel, body string) (code int) {
	ss.mu.Lock()
	far := ss.elsewhere[channel]
	ss.mu.Unlock()
	switch {
	case far == nil:
		return sendNotJoined
	case ss.ask(guests.Say, channel, body) != nil:
		return sendFailed
	}
	return 0
}

// membersElsewhere gives how many are in a channel of another server as far as is known,
// and whether the session is.
func (ss *session) membersElsewhere(channel string) (members int, in bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if far := ss.elsewhere[channel]; far != nil {
		return far.members, true
	}
	return 0, false
}

// ask tells another server what the session wants of its channel.
func (ss *session) ask(eventType, channel, payload string) error {
	err := ss.server.door.AskElsewhere(ss.server.running, ss.app, ss.device.User, eventType, channel, payload)
	if err != nil {
		ss.server.log.WithError(err).Debug("another server was not asked for a channel")
	}
	return err
}

// stay joins those channels of other servers again that it joined long ago.
func (ss *session) stay(now time.Time) {
	var again []string
	ss.mu.Lock()
	for channel, far := range ss.elsewhere {
		if now.Sub(far.asked) >= askAgain {
			far.asked = now
			again = append(again, channel)
		}
	}
	ss.mu.Unlock()
	for _, channel := range again {
		_ = ss.ask(guests.Join, channel, "")
	}
}

// farFramesLocked writes what happens in a channel of another server as the client knows
// it. ok is false for an event that is not of such a channel, and there is nothing to tell
// of one that the session is not in.
func (ss *session) farFramesLocked(event []byte) (frames [][]byte, ok bool) {
	channel, heard, ok := ss.server.door.HeardElsewhere(ss.app, event)
	if !ok {
		return nil, false
	}
	far := ss.elsewhere[channel]
	if far == nil {
		return nil, true
	}
	uid := ss.server.door.UID(ss.app, heard.Sender)
	if heard.Type == guests.Message {
		return [][]byte{wire.Frame("RecvMsgFromChan", map[string]any{
			"ChanId": channel, "MsgId": heard.Number, "FromUId": uid, "MsgType": 1, "MsgBody": heard.Payload, "SvrTS": heard.At.UnixMilli(),
		})}, true
	}
	far.members = heard.Members
	if heard.Sender != ss.device.User {
		cmd := map[string]string{guests.Joined: "ChanMemberJoin", guests.Left: "ChanMemberLeave"}[heard.Type]
		frames = append(frames, wire.Frame(cmd, map[string]any{"ChanId": channel, "UserId": uid, "ChanMemSize": heard.Members}))
	}
	return append(frames, wire.Frame("MemSizeChanged", channelSize{channel, heard.Members})), true
}
