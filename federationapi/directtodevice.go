package federationapi

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	directToDevice = "m.direct_to_device"
	// maxMessageID is in code points, as the specification has it.
	maxMessageID = 32
	// maxEventType is in bytes.
	maxEventType = 255
)

// directToDevice reads the content of an m.direct_to_device EDU. If the EDU as a
// whole is no good it says why; single messages are left out and noted.
//
// https://spec.matrix.org/v1.15/server-server-api/#send-to-device-messaging
func (r *reader) directToDevice(raw json.RawMessage) (send todevice.Send, bad reason) {
	content, ok := rawjson.Pick(raw, "sender", "type", "message_id", "messages")
	if !ok {
		return send, badShape
	}
	sender, _ := rawjson.String(content[0])
	var err error
	if send.Sender, err = todevice.ParseUserID(sender); err != nil {
		return send, badSender
	}
	if send.Sender.Server != r.origin {
		return send, foreignSender
	}
	if send.Type, ok = rawjson.String(content[1]); !ok || send.Type == "" || len(send.Type) > maxEventType {
		return send, badType
	}
	users, ok := rawjson.Members(content[3])
	if !ok {
		return send, badShape
	}
	send.MessageID = messageID(content[2])
	for _, user := range users {
		send.Messages = r.appendTo(send.Messages, user)
	}
	return send, ""
}

// messageID reads the ID by which an EDU is told from its repetition. Without a
// usable one the EDU is taken all the same: a message twice is better than none.
func messageID(raw json.RawMessage) string {
	id, _ := rawjson.String(raw)
	if utf8.RuneCountInString(id) > maxMessageID {
		return ""
	}
	return id
}

// appendTo reads the messages to one user, by device, behind those to others.
func (r *reader) appendTo(messages []todevice.Message, user rawjson.Member) []todevice.Message {
	to, err := todevice.ParseUserID(user.Name)
	if err != nil {
		r.droppedMessages = append(r.droppedMessages, badRecipient)
		return messages
	}
	if to.Server != r.local {
		r.droppedMessages = append(r.droppedMessages, foreignRecipient)
		return messages
	}
	devices, ok := rawjson.Members(user.Value)
	if !ok {
		r.droppedMessages = append(r.droppedMessages, badShape)
		return messages
	}
	for _, device := range devices {
		content, bad := readContent(device.Value)
		if bad != "" {
			r.droppedMessages = append(r.droppedMessages, bad)
			continue
		}
		messages = append(messages, todevice.Message{To: to, Device: device.Name, Content: content})
	}
	return messages
}

// readContent gives a content as it is to be delivered, or says why it cannot be. It
// is not held to canonical numbers, as some servers sign others, and stays as it was
// written, unless it is long by white space alone.
func readContent(content json.RawMessage) (json.RawMessage, reason) {
	if !bytes.HasPrefix(content, []byte("{")) || canonicaljson.TooDeep(content) {
		return nil, badContent
	}
	if len(content) <= todevice.MaxContent { // the canonical form is never longer
		return content, ""
	}
	canonical, err := canonicaljson.Encode(content)
	if err != nil || len(canonical) > todevice.MaxContent {
		return nil, contentTooLarge
	}
	return canonical, ""
}
