package sessions

import (
	"encoding/json"
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
		case cmd != "Logout" && !json.Valid(content):
			return endBadFrame
		case frames.Take(frameLimit, time.Now()) != 0:
			return endTooMany
		case cmd == "Logout":
			ss.fetched(time.Now().Add(fetchedAfter - fetchedByLogout))
			ss.send("Logout", map[string]any{"Code": 0})
			ss.server.end(ss)
			return endLoggedOut
		}
		do, known := commands[cmd]
		if !known {
			return endUnknown
		}
		if !do(ss, content) {
			return endBadFrame
		}
	}
}

// commands are what a client may ask for. Each tells whether its content was as it must
// be.
var commands = map[string]func(ss *session, content []byte) (ok bool){
	"KeepAlive":                 (*session).keepAlive,
	"RecvMsgFromPeerAck":        func(*session, []byte) bool { return true }, // a second time
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
	var ack struct{ MsgId int64 }
	return json.Unmarshal(content, &ack) == nil && ss.acknowledge(ack.MsgId)
}

// keepAlive answers the client's sign of life, which it drops the connection without.
func (ss *session) keepAlive([]byte) bool {
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
