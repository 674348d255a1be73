package sessions

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

// The codes of calls for channels, as the SDK has them for programs.
const (
	joinInvalid      = 3
	joinTooMany      = 5
	joinTooOften     = 7
	joinSameTooOften = 8
	leaveNotJoined   = 3
	sendFailed       = 1
	sendTooOften     = 3
	sendInvalid      = 4
	sendNotJoined    = 5
	listTooOften     = 4
	listNotJoined    = 5
	countInvalid     = 2
	countTooOften    = 3
	countTooMany     = 5
)

// A channelName is the content of JoinChannel and LeaveChannel.
type channelName struct{ ChanId string }

// joinChannel takes the session into a channel. One that comes back after a break is still
// in it, and is given what it has missed.
func (ss *session) joinChannel(q channelName) {
	if ss.server.door.Elsewhere(q.ChanId) && rtmcompat.ValidName(q.ChanId) {
		ss.joinElsewhere(q.ChanId)
		return
	}
	code := 0
	if ss.server.hub.Joined(ss.app.ID, q.ChanId, ss) {
		// The answer first: before it the SDK has no ears for the channel.
		ss.send("JoinChannel", map[string]any{"Code": 0, "ChanId": q.ChanId})
		_ = ss.server.hub.Resume(ss.app.ID, q.ChanId, ss)
		return
	}
	joined, err := false, error(nil)
	if !rtmcompat.ValidName(q.ChanId) {
		code = joinInvalid
	} else {
		joined, err = ss.server.hub.Join(ss.app.ID, q.ChanId, ss)
	}
	switch {
	case errors.Is(err, channels.ErrTooManyChannels):
		code = joinTooMany
	case errors.Is(err, channels.ErrTooOften):
		code = joinTooOften
	case errors.Is(err, channels.ErrSameTooOften):
		code = joinSameTooOften
	}
	if joined {
		if err := ss.server.door.NoteInChannel(ss.server.running, ss.app, ss.uid, q.ChanId); err != nil {
			ss.server.log.WithError(err).Error("could not note who is in an RTM channel")
		}
		ss.server.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMJoin, User: ss.uid, Channel: q.ChanId})
	}
	ss.send("JoinChannel", map[string]any{"Code": code, "ChanId": q.ChanId})
}

func (ss *session) leaveChannel(q channelName) {
	if ss.server.door.Elsewhere(q.ChanId) {
		ss.leaveElsewhere(q.ChanId)
		return
	}
	code := leaveNotJoined
	if ss.server.hub.Leave(ss.app.ID, q.ChanId, ss) {
		code = 0
		ss.server.event(todevice.RTMEvent{App: ss.app.ID, Type: todevice.RTMLeave, User: ss.uid, Channel: q.ChanId})
	}
	ss.send("LeaveChannel", map[string]any{"Code": code, "ChanId": q.ChanId})
}

func (ss *session) sendToChannel(m textMessage) {
	code := 0
	switch {
	case !m.good():
		code = sendInvalid
	case !ss.may(sending):
		code = sendTooOften
	case ss.server.door.Elsewhere(m.ChanId):
		code = ss.sayElsewhere(m.ChanId, m.MsgBody)
	default:
		code = ss.publish(m)
	}
	ss.send("SendChannelMsg", map[string]any{"Code": code, "ChanId": m.ChanId, "MsgId": m.MsgId})
}

// publish says something in a channel. What is for the history is kept first.
func (ss *session) publish(m textMessage) (code int) {
	now := time.Now()
	if m.HistoryMsg && ss.server.hub.Joined(ss.app.ID, m.ChanId, ss) {
		err := ss.server.door.RecordChannelMessage(ss.server.running, ss.app, ss.uid, m.ChanId, m.MsgBody, now)
		if err != nil {
			ss.server.log.WithError(err).Error("could not keep an RTM message for the history")
			return sendFailed
		}
	}
	_, err := ss.server.hub.Publish(ss.app.ID, m.ChanId, channels.Message{From: ss.uid, MsgID: m.MsgId, Body: m.MsgBody, Sender: ss, At: now})
	if err != nil {
		return sendNotJoined
	}
	return 0
}

func (ss *session) listMembers(q struct {
	MsgId  int64
	ChanId string
}) {
	code, members := 0, []string{}
	_, elsewhere := ss.membersElsewhere(q.ChanId)
	switch {
	case !elsewhere && !ss.server.hub.Joined(ss.app.ID, q.ChanId, ss):
		code = listNotJoined
	case !ss.may(listing):
		code = listTooOften
	case elsewhere:
		members = []string{ss.uid} // it is not known here who else
	default:
		members = ss.server.hub.Members(ss.app.ID, q.ChanId)
	}
	ss.send("GetChanMembers", map[string]any{"Code": code, "MsgId": q.MsgId, "ChanId": q.ChanId, "Members": members})
}

// A channelSize is how many members a channel has.
type channelSize struct {
	ChanId  string
	MemSize int
}

func (ss *session) countMembers(q struct {
	MsgId   int64
	ChanIds string // a JSON array in a string
}) {
	var ids []string
	code, sizes := 0, []channelSize{}
	switch {
	case json.Unmarshal([]byte(q.ChanIds), &ids) != nil:
		code = countInvalid
	case len(ids) > maxCounted:
		code = countTooMany
	case !ss.may(counting):
		code = countTooOften
	default:
		for _, id := range ids {
			size, elsewhere := ss.membersElsewhere(id)
			if !elsewhere {
				size = ss.server.hub.Count(ss.app.ID, id)
			}
			sizes = append(sizes, channelSize{id, size})
		}
	}
	ss.send("GetChanMemberSize", map[string]any{"Code": code, "MsgId": q.MsgId, "ChanMemSize": sizes})
}
