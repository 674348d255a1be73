package rtmcompat

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// A channelMessage is a message from one user of an app to a channel.
type channelMessage struct {
	from    string // an uid of the app
	channel string
	payload string
	record  bool   // whether it is kept for the history
	key     string // what the caller calls the request; "" for no name
}

// readChannelMessage reads
// POST /dev/v2/project/{appId}/rtm/users/{userId}/channel_messages.
func readChannelMessage(r *http.Request) (channelMessage, error) {
	from, err := readPathUID(r)
	if err != nil {
		return channelMessage{}, err
	}
	key, err := readRequestKey(r)
	if err != nil {
		return channelMessage{}, err
	}
	body, err := readObject(r)
	if err != nil {
		return channelMessage{}, err
	}
	m, err := body.channelMessage()
	m.from, m.key = from, key
	return m, err
}

// channelMessage reads the body. Unknown keys are ignored.
func (o object) channelMessage() (m channelMessage, err error) {
	if m.channel, err = o.text("channel_name"); err != nil {
		return m, err
	}
	if !validUID(m.channel) {
		return m, invalid("channel_name must be " + uidRule)
	}
	if m.payload, err = o.payload(); err != nil {
		return m, err
	}
	m.record, err = o.flag("enable_historical_messaging")
	return m, err
}

// request gives what is to be remembered of a message with a key, nil for one without. A
// key is of one kind of message only.
func (m channelMessage) request(c caller, from todevice.UserID) *todevice.RTMRequest {
	if m.key == "" {
		return nil
	}
	body := sha256.Sum256(fmt.Appendf(nil, "channel %q %q %q %t", m.key, m.channel, m.payload, m.record))
	return &todevice.RTMRequest{App: c.app.ID, Sender: from.Localpart, Key: m.key, Body: body, AnswerID: c.requestID}
}

// sendChannelMessage gives a message to all who are in a channel, unless that was done
// before under the same key. It reaches nobody where nobody is, and that is no error.
func (s *Server) sendChannelMessage(ctx context.Context, c caller, m channelMessage) (receipt, error) {
	from, err := s.userOf(c.app, "user_id", m.from)
	if err != nil {
		return receipt{}, err
	}
	request := m.request(c, from)
	before, err := s.before(ctx, request)
	if err == nil && before == nil {
		before, err = s.say(ctx, guests.Saying{
			App: c.app.ID, Channel: m.channel, UID: m.from, User: from, Payload: m.payload, Record: m.record,
		}, request)
	}
	if err != nil {
		return receipt{}, err
	}
	id := c.requestID
	if before != nil {
		id = before.ID
	}
	return receipt{Result: "success", RequestID: id, Code: channelCode(c.app)}, nil
}

// channelCode is the code of a channel message that was sent. The vendors' table has one
// spelling, and their example the other.
func channelCode(app App) string {
	if app.ChannelCodeWithSpace {
		return "message sent"
	}
	return messageSent
}

// say gives the answer to the same request if that was a little faster.
func (s *Server) say(ctx context.Context, say guests.Saying, request *todevice.RTMRequest) (before *todevice.RTMAnswer, err error) {
	accepted, err := s.guests.Say(ctx, say, request)
	switch {
	case errors.Is(err, todevice.ErrKeyReused):
		return nil, keyReused()
	case errors.Is(err, todevice.ErrContentTooLarge):
		return nil, tooLarge()
	case err != nil:
		return nil, fmt.Errorf("send a channel message: %w", err)
	}
	return accepted.Before, nil
}
