package rtmcompat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/todevice"
)

// PeerMessageType is the type of the to-device event that carries a peer message.
// Its content is canonical JSON: app_id, from (the sender's uid), message_id (random),
// payload, and server_ts (Unix milliseconds).
const PeerMessageType = "im.chappe.rtm.peer_message"

// DeviceID is the name of the one device an RTM user has.
const DeviceID = "RTM"

// The codes of a peer message that was accepted.
const (
	messageSent      = "message_sent"
	messageDelivered = "message_delivered"
	messageOffline   = "message_offline"
)

// fullInboxRetry is after what time a receiver whose inbox is full may be tried
// again. It is empty soon once its device is back.
const fullInboxRetry = 10 * time.Second

// sendPeerMessage sends, unless that was done before under the same key, and says what
// became of the message.
func (s *Server) sendPeerMessage(ctx context.Context, c caller, m peerMessage) (receipt, error) {
	from, err := s.userOf(c.app, "user_id", m.from)
	if err != nil {
		return receipt{}, err
	}
	request := m.request(c, from)
	answer, err := s.before(ctx, request)
	if err == nil && answer == nil {
		answer, err = s.sendOnce(ctx, c, from, m, request)
	}
	if err != nil {
		return receipt{}, err
	}
	code := messageSent
	if m.wait {
		code = s.await(ctx, *answer)
	}
	return receipt{Result: "success", RequestID: answer.ID, Code: code}, nil
}

// sendOnce sends, or gives the answer of the same request that was a little faster.
func (s *Server) sendOnce(ctx context.Context, c caller, from todevice.UserID, m peerMessage, request *todevice.RTMRequest) (*todevice.RTMAnswer, error) {
	to, err := s.receiver(ctx, c.app, m)
	if err != nil {
		return nil, err
	}
	now := time.Now().Truncate(time.Millisecond)
	content, err := peerContent(c.app, m, now)
	if err != nil {
		return nil, err
	}
	offline := !to.remote && !to.online
	if request != nil {
		request.Offline = offline
	}
	var records []todevice.RTMRecord
	if m.record {
		records = []todevice.RTMRecord{{App: c.app.ID, Source: from, To: to.user, Payload: m.payload, At: now}}
	}
	accepted, err := s.send(ctx, from, to, content, request, records)
	if err != nil || accepted.Repeated {
		return accepted.Before, err
	}
	// A device that was there a moment ago may be deleted now.
	offline = offline || !to.remote && len(accepted.Deliveries) == 0
	return &todevice.RTMAnswer{ID: c.requestID, Offline: offline, Deliveries: accepted.Deliveries}, nil
}

func peerContent(app App, m peerMessage, now time.Time) (json.RawMessage, error) {
	content := make([]byte, 0, len(m.payload)+256)
	content = append(content, `{"app_id":`...)
	content = todevice.AppendString(content, app.ID)
	content = append(content, `,"from":`...)
	content = todevice.AppendString(content, m.from)
	content = append(content, `,"message_id":`...)
	content = todevice.AppendString(content, rand.Text()) // 130 random bits
	content = append(content, `,"payload":`...)
	content = todevice.AppendString(content, m.payload)
	content = append(content, `,"server_ts":`...)
	content = strconv.AppendInt(content, now.UnixMilli(), 10)
	content = append(content, '}')
	if bytes.IndexByte(content, '\\') >= 0 { // or it is canonical as it stands
		var err error
		if content, err = canonicaljson.Encode(content); err != nil {
			return nil, fmt.Errorf("write the content of a peer message: %w", err)
		}
	}
	if len(content) > todevice.MaxContent {
		return nil, tooLarge()
	}
	return content, nil
}

// tooLarge refuses a payload that is short enough, but not once it is escaped. It
// is refused whether or not anyone is there to receive it.
func tooLarge() error {
	return invalid(fmt.Sprintf("payload is too large: escaped as JSON, the message exceeds %d bytes", todevice.MaxContent))
}

// messages are the content for each of the receiver's devices.
func (to receiver) messages(content json.RawMessage) (messages []todevice.Message) {
	for _, device := range to.devices {
		messages = append(messages, todevice.Message{To: to.user, Device: device, Content: content, Class: to.class})
	}
	if to.others {
		messages = append(messages, todevice.Message{To: to.user, Device: todevice.AllDevices, Content: content, Class: todevice.KeepLatest})
	}
	return messages
}

// send sends the content to the receiver's devices. Where there are none, only a
// request with a key is remembered, and what is for the history.
func (s *Server) send(ctx context.Context, from todevice.UserID, to receiver, content json.RawMessage, request *todevice.RTMRequest, records []todevice.RTMRecord) (todevice.Accepted, error) {
	messages := to.messages(content)
	batch := todevice.Batch{Source: todevice.Source{RTM: request}, Records: records}
	if len(messages) > 0 {
		batch.Sends = []todevice.Send{{Sender: from, Type: PeerMessageType, Messages: messages}}
	}
	if batch.Empty() {
		return todevice.Accepted{}, nil
	}
	accepted, err := s.sender.Send(ctx, batch)
	switch {
	case errors.Is(err, todevice.ErrKeyReused):
		return accepted, keyReused()
	case errors.Is(err, todevice.ErrContentTooLarge):
		return accepted, tooLarge()
	case errors.Is(err, todevice.ErrInboxFull):
		return accepted, rateLimited("the receiver has too many messages waiting", fullInboxRetry)
	case err != nil:
		return accepted, fmt.Errorf("send a peer message: %w", err)
	}
	return accepted, nil
}

// await tells whether the receiver was online, and has confirmed the message or does so
// in time. A receiver elsewhere has no deliveries, and nothing comes back of it.
func (s *Server) await(ctx context.Context, answer todevice.RTMAnswer) string {
	switch {
	case answer.Offline:
		return messageOffline
	case answer.Confirmed:
		return messageDelivered
	case len(answer.Deliveries) == 0:
		return messageSent
	}
	ctx, cancel := context.WithTimeout(ctx, s.ackTimeout)
	defer cancel()
	if s.notifier.AwaitConfirmation(ctx, answer.Deliveries) != nil {
		// The message is safe: 408 would only invite the caller to send it again.
		return messageSent
	}
	return messageDelivered
}
