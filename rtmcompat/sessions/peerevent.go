package sessions

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/todevice"
)

// A peerEvent is a to-device event as far as a client hears of it.
type peerEvent struct {
	Sender  string
	Type    string
	Content struct {
		Payload   *string
		MessageID string `json:"message_id"`
		ServerTS  int64  `json:"server_ts"`
	}
}

// readPeerEvent reads an event that is a peer message.
func readPeerEvent(event []byte) (peer peerEvent, sender todevice.UserID, ok bool) {
	peer, ok = cutPeerEvent(event)
	if !ok && json.Unmarshal(event, &peer) != nil || peer.Type != rtmcompat.PeerMessageType || peer.Content.Payload == nil {
		return peer, sender, false
	}
	sender, err := todevice.ParseUserID(peer.Sender)
	return peer, sender, err == nil
}

// cutPeerEvent reads an event in the form in which this server writes it and in which
// nothing is escaped, as most are, at a fraction of what it costs to read JSON. Of any
// other it says that it is none.
func cutPeerEvent(event []byte) (peer peerEvent, ok bool) {
	if bytes.IndexByte(event, '\\') >= 0 {
		return peerEvent{}, false // else each string ends with the next quotation mark
	}
	c := cutter{rest: event, ok: true}
	c.after(`{"content":{"app_id":"`, '"')
	c.after(`,"from":"`, '"')
	peer.Content.MessageID = string(c.after(`,"message_id":"`, '"'))
	payload := string(c.after(`,"payload":"`, '"'))
	at, err := strconv.ParseInt(string(c.after(`,"server_ts":`, '}')), 10, 64)
	peer.Sender = string(c.after(`,"sender":"`, '"'))
	peer.Type = string(c.after(`,"type":"`, '"'))
	if err != nil || !c.ok || string(c.rest) != "}" {
		return peerEvent{}, false
	}
	peer.Content.Payload, peer.Content.ServerTS = &payload, at
	return peer, true
}

// A cutter takes a text apart from its beginning; ok until something else stands there.
type cutter struct {
	rest []byte
	ok   bool
}

// after gives what stands between a beginning and an end.
func (c *cutter) after(begin string, end byte) []byte {
	rest, begun := bytes.CutPrefix(c.rest, []byte(begin))
	length := bytes.IndexByte(rest, end)
	if c.ok = c.ok && begun && length >= 0; !c.ok {
		return nil
	}
	c.rest = rest[length+1:]
	return rest[:length]
}
