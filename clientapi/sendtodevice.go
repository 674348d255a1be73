package clientapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxSendBody is far over what a single content may have, as one request
	// carries contents for hundreds of devices.
	maxSendBody     = 20 << 20
	maxEventType    = 255 // bytes
	maxRecipientID  = 512 // bytes; the longest device ID that other servers allow
	inboxRetryAfter = 30 * time.Second
)

type sendQuery struct {
	eventType string
	// request tells this request from every other of the device, but not from its
	// own repetition.
	request  string
	messages []todevice.Message
}

func readSendToDevice(r *http.Request) (sendQuery, error) {
	eventType, err := httpapi.PathVar(r, "eventType")
	if err != nil {
		return sendQuery{}, err
	}
	if len(eventType) > maxEventType {
		return sendQuery{}, httpapi.InvalidParam(fmt.Sprintf("The event type is over %d bytes", maxEventType))
	}
	if _, err := httpapi.PathVar(r, "txnId"); err != nil {
		return sendQuery{}, err
	}
	body, err := httpapi.ReadBody(r, maxSendBody)
	if err != nil {
		return sendQuery{}, err
	}
	messages, err := decodeMessages(body)
	if err != nil {
		return sendQuery{}, err
	}
	return sendQuery{
		eventType: eventType,
		// Still percent-encoded, the path shows where one component ends, whatever
		// they contain. It holds event type and transaction ID.
		request:  r.Method + "\x00" + r.URL.EscapedPath(),
		messages: messages,
	}, nil
}

// decodeMessages reads {"messages": {user: {device: content}}} and lists it by
// user and then device.
func decodeMessages(body json.RawMessage) ([]todevice.Message, error) {
	fields, ok := rawjson.Members(body)
	if !ok {
		return nil, httpapi.BadJSON("The body is not an object")
	}
	at, found := slices.BinarySearchFunc(fields, "messages", func(m rawjson.Member, name string) int { return strings.Compare(m.Name, name) })
	if !found {
		return nil, httpapi.BadJSON("messages is missing")
	}
	users, ok := rawjson.Members(fields[at].Value)
	if !ok {
		return nil, httpapi.BadJSON("messages is not an object")
	}
	var messages []todevice.Message
	for _, user := range users {
		ofUser, err := messagesOf(user)
		if err != nil {
			return nil, err
		}
		messages = append(messages, ofUser...)
	}
	return messages, nil
}

// messagesOf gives the messages for one user, without those for whom there can be
// no such user or device. Wherever they go, a wrong shape is an error.
func messagesOf(member rawjson.Member) ([]todevice.Message, error) {
	devices, ok := rawjson.Members(member.Value)
	if !ok {
		return nil, httpapi.BadJSON("A user of messages has no object of devices")
	}
	messages := make([]todevice.Message, 0, len(devices))
	user, notAUser := todevice.ParseUserID(member.Name)
	for _, device := range devices {
		if device.Value[0] != '{' {
			return nil, httpapi.BadJSON("A content in messages is not an object")
		}
		if notAUser == nil && len(device.Name) <= maxRecipientID {
			messages = append(messages, todevice.Message{To: user, Device: device.Name, Content: device.Value})
		}
	}
	return messages, nil
}

// sendToDevice sends one event type to any number of devices. It answers when
// the messages are durable, and does nothing if it has seen the request before.
//
// PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid
func (s *Server) sendToDevice(ctx context.Context, device todevice.Device, q sendQuery) (httpapi.Empty, error) {
	if err := s.config.Limits.Send(device.User); err != nil {
		return httpapi.Empty{}, err
	}
	_, err := s.sender.Send(ctx, todevice.Batch{
		Source: todevice.Source{Client: device.Inbox, Request: q.request},
		Sends:  []todevice.Send{{Sender: device.User, Type: q.eventType, Messages: q.messages}},
	})
	return httpapi.Empty{}, sendError(err)
}

// sendError says in Matrix's words why a batch was not accepted. All that passes
// must stay a 429 or 5xx: on other codes clients give the batch up.
func sendError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, todevice.ErrContentTooLarge):
		return httpapi.TooLarge(fmt.Sprintf("A content is over %d bytes", todevice.MaxContent))
	case errors.Is(err, todevice.ErrContentNotCanonical):
		return httpapi.BadJSON("A content cannot be written as canonical JSON: floats and large integers cannot")
	case errors.Is(err, todevice.ErrInboxFull):
		return httpapi.LimitExceeded("The inbox of a recipient is full", inboxRetryAfter)
	case errors.Is(err, todevice.ErrUnknownDevice):
		return httpapi.UnknownToken() // deleted since the token was checked
	}
	return fmt.Errorf("send to device: %w", err)
}
