package rtmcompat

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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

// sendPeerMessage sends, and says what became of the message.
func (s *Server) sendPeerMessage(ctx context.Context, c caller, m peerMessage) (receipt, error) {
	from, err := s.userOf(c.app, "user_id", m.from)
	if err != nil {
		return receipt{}, err
	}
	to, err := s.receiver(ctx, c.app, m)
	if err != nil {
		return receipt{}, err
	}
	content, err := peerContent(c.app, m)
	if err != nil {
		return receipt{}, err
	}
	accepted, err := s.send(ctx, from, to, content)
	if err != nil {
		return receipt{}, err
	}
	code := messageSent
	if m.wait && !to.remote {
		code = s.await(ctx, to, accepted.Deliveries)
	}
	return receipt{Result: "success", RequestID: c.requestID, Code: code}, nil
}

func peerContent(app App, m peerMessage) (json.RawMessage, error) {
	content, err := json.Marshal(map[string]any{
		"app_id":     app.ID,
		"from":       m.from,
		"message_id": rand.Text(), // 130 random bits
		"payload":    m.payload,
		"server_ts":  time.Now().UnixMilli(),
	})
	if err == nil {
		content, err = canonicaljson.Encode(content)
	}
	if err != nil {
		return nil, fmt.Errorf("write the content of a peer message: %w", err)
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

// send sends the content to the receiver's devices. It does nothing where there are
// none.
func (s *Server) send(ctx context.Context, from todevice.UserID, to receiver, content json.RawMessage) (todevice.Accepted, error) {
	var messages []todevice.Message
	for _, device := range to.devices {
		messages = append(messages, todevice.Message{To: to.user, Device: device, Content: content})
	}
	if len(messages) == 0 {
		return todevice.Accepted{}, nil
	}
	accepted, err := s.sender.Send(ctx, todevice.Batch{
		Sends: []todevice.Send{{Sender: from, Type: PeerMessageType, Messages: messages}},
	})
	switch {
	case errors.Is(err, todevice.ErrContentTooLarge):
		return accepted, tooLarge()
	case errors.Is(err, todevice.ErrInboxFull):
		return accepted, rateLimited("the receiver has too many messages waiting", fullInboxRetry)
	case err != nil:
		return accepted, fmt.Errorf("send a peer message: %w", err)
	}
	return accepted, nil
}

// await tells whether a local receiver was online and confirmed the message in time.
func (s *Server) await(ctx context.Context, to receiver, deliveries []todevice.Delivery) string {
	if !to.online || len(deliveries) == 0 {
		return messageOffline
	}
	ctx, cancel := context.WithTimeout(ctx, s.ackTimeout)
	defer cancel()
	if s.notifier.AwaitConfirmation(ctx, deliveries) != nil {
		// The message is safe: 408 would only invite the caller to send it again.
		return messageSent
	}
	return messageDelivered
}
