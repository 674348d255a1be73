package sessions

import (
	"context"
	"errors"

	"github.com/chappe-im/chappe/rtmcompat"
)

const (
	// maxText is the greatest length of a text in bytes of UTF-8: of what the SDK counts as
	// 32 KB, three bytes may count as two.
	maxText = 48 << 10
	// maxCountedText is the greatest length of a text as the SDK counts.
	maxCountedText = 32 << 10
)

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
func (m textMessage) good() bool {
	return m.MsgBody != "" && len(m.MsgBody) <= maxText && counted(m.MsgBody) <= maxCountedText
}

// counted gives the length of a text as the SDK counts it: in units of UTF-16, and a
// Chinese character for two.
func counted(text string) (length int) {
	if len(text) <= maxCountedText {
		return len(text) // and no more, whatever is in it
	}
	for _, r := range text {
		if length++; '\u4e00' <= r && r <= '\u9fa5' || r > 0xffff {
			length++
		}
	}
	return length
}

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
