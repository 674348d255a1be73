package sessions

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/chappe-im/chappe/internal/ratelimit"
	"github.com/chappe-im/chappe/rtmcompat/wire"
)

// read does what the client asks for until the connection ends, and gives the reason why
// it did.
func (ss *session) read(c *connection, reader *messageReader) (reason string) {
	var frames ratelimit.Bucket
	for {
		message, err := reader.next()
		if err != nil {
			return endReason(err)
		}
		cmd, content, err := wire.Parse(message)
		switch {
		case err != nil:
			return endBadFrame
		case !ss.connected(c):
			return endClosed // another connection has taken its place
		case cmd == "RecvMsgFromPeerAck" && ss.readAcknowledgement(content):
			continue
		case ss.server.limited && frames.Take(frameLimit, time.Now()) != 0:
			return endTooMany
		case cmd == "Logout":
			ss.fetched(time.Now().Add(fetchedAfter - fetchedByLogout))
			ss.send("Logout", map[string]any{"Code": 0})
			ss.server.end(ss)
			return endLoggedOut
		}
		do, known := commands[cmd]
		switch {
		case !known && json.Valid(content):
			return endUnknown
		case !known || !do(ss, content):
			return endBadFrame
		}
	}
}

// commands are what a client may ask for. Each tells whether its content was as it must
// be.
var commands = map[string]func(ss *session, content []byte) (ok bool){
	"KeepAlive":                 (*session).keepAlive,
	"RecvMsgFromPeerAck":        func(_ *session, content []byte) bool { return json.Valid(content) }, // a second time
	"RenewAcsToken":             decoded((*session).renewToken),
	"SendMsgToPeer":             decoded((*session).sendToPeer),
	"JoinChannel":               decoded((*session).joinChannel),
	"LeaveChannel":              decoded((*session).leaveChannel),
	"SendChannelMsg":            decoded((*session).sendToChannel),
	"GetChanMembers":            decoded((*session).listMembers),
	"GetChanMemberSize":         decoded((*session).countMembers),
	"QueryOnlineStatus":         decoded((*session).queryOnline),
	"QueryOnlineSubStatus":      decoded((*session).queryWatched),
	"SubscribeOnlineStatus":     decoded((*session).watch),
	"UnSubscribeOnlineStatus":   decoded((*session).unwatch),
	"AddOrUpdateUserAttributes": decoded((*session).setAttributes),
	"DeleteUserAttributes":      decoded((*session).deleteAttributes),
	"ClearUserAttributes":       decoded((*session).clearAttributes),
	"GetUserAttributes":         decoded((*session).getAttributes),
	"AddOrUpdateChanAttributes": decoded((*session).setChannelAttributes),
	"DeleteChanAttributes":      decoded((*session).deleteChannelAttributes),
	"ClearChanAttributes":       decoded((*session).clearChannelAttributes),
	"GetChanAttributes":         decoded((*session).getChannelAttributes),
	"GetChanAttributesByKeys":   decoded((*session).getChannelAttributesByKeys),
	"MakeCall":                  decoded((*session).makeCall),
	"CancelCall":                decoded((*session).cancelCall),
	"AcceptCall":                decoded((*session).acceptCall),
	"RejectCall":                decoded((*session).rejectCall),
}

// decoded makes a command of a function that takes a content of its own type.
func decoded[Content any](do func(*session, Content)) func(*session, []byte) bool {
	return func(ss *session, raw []byte) bool {
		var content Content
		if json.Unmarshal(raw, &content) != nil {
			return false
		}
		do(ss, content)
		return true
	}
}

// readAcknowledgement tells whether a frame acknowledges something that was given.
func (ss *session) readAcknowledgement(content []byte) bool {
	if id, ok := cutAcknowledgement(content); ok {
		return ss.acknowledge(id)
	}
	var ack struct{ MsgId int64 }
	return json.Unmarshal(content, &ack) == nil && ss.acknowledge(ack.MsgId)
}

// cutAcknowledgement reads the content of an acknowledgement as the SDK writes it,
//
//	{"MsgId":1699999999999,"FromUId":"ann"}
//
// if nothing is escaped in it. Of any other it says that it is none.
func cutAcknowledgement(content []byte) (id int64, ok bool) {
	c := cutter{rest: content, ok: true}
	digits := c.after(`{"MsgId":`, ',')
	from := c.after(`"FromUId":"`, '"')
	if !c.ok || string(c.rest) != "}" || len(digits) == 0 || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	if slices.ContainsFunc(from, func(b byte) bool { return b < ' ' || b == '\\' }) {
		return 0, false
	}
	id, err := strconv.ParseInt(string(digits), 10, 64)
	return id, err == nil
}

// keepAlive answers the client's sign of life, which it drops the connection without.
func (ss *session) keepAlive(content []byte) bool {
	if !json.Valid(content) {
		return false
	}
	ss.send("KeepAlive", nil)
	ss.fetched(time.Now())
	return true
}

func (ss *session) renewToken(q struct{ AcsToken string }) {
	if !ss.may(renewing) || ss.app.Certificate == "" {
		return
	}
	app, ok := ss.server.door.App(ss.app.ID)
	if !ok {
		return
	}
	until, err := app.CheckToken(q.AcsToken, ss.uid, time.Now())
	if err != nil {
		ss.server.log.WithError(err).Debug("a renewed token is no good")
		return
	}
	lock := ss.server.loginLock(ss.device.User)
	lock.Lock()
	defer lock.Unlock()
	if !ss.renew(until) {
		return
	}
	if _, err := ss.server.store.BeginRTMSession(ss.server.running, ss.stored()); err != nil {
		ss.server.log.WithError(err).Error("could not remember a renewed token")
	}
}

// renew notes a new token, unless another session has taken the place of this one.
func (ss *session) renew(until time.Time) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.token = tokenLife{until: until, renewed: true}
	return !ss.ended
}
