package sessions

import (
	"context"
	"errors"

	"github.com/chappe-im/chappe/rtmcompat"
)

// maxText is the greatest length of a text in bytes of UTF-8: the SDK lets through what
// it counts as 32 KB, of which three bytes may count as two.
const maxText = 48 << 10

// A textMessage is the content of SendMsgToPeer and SendChannelMsg.
type textMessage struct {
	MsgId      int64
	ToUId      string
	ChanId     string
	MsgType    int
	MsgBody    string
	OfflineMsg bool
	HistoryMsg bool
}

// good tells whether a message may be sent at all. The SDK sends also what it tells the
// program it has not.
func (m textMessage) good() bool { return m.MsgBody != "" && len(m.MsgBody) <= maxText }

// sendToPeer sends a message to one user, and tells the client whether the receiver has
// it, as soon as that is known.
func (ss *session) sendToPeer(m textMessage) {
	status := func(received int) { ss.send("MsgStatus", map[string]any{"MsgId": m.MsgId, "Status": received}) }
	if !m.good() || !ss.may(sending) {
		status(0)
		return
	}
	sent, err := ss.server.door.SendPeer(ss.server.running, ss.app, rtmcompat.PeerMessage{
		From: ss.uid, Destination: m.ToUId, Payload: m.MsgBody, Offline: m.OfflineMsg, Historical: m.HistoryMsg,
	})
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			ss.server.log.WithError(err).Debug("an RTM session's message was not sent")
		}
		status(0)
		return
	}
	// In the order of the frames until it is accepted; who waits then holds nobody up.
	go func() {
		if ss.server.door.Delivered(ss.server.running, sent) {
			status(1)
		} else {
			status(0)
		}
	}()
}
