package federationapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
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
	content, ok := rawjson.Object(raw)
	if !ok {
		return send, badShape
	}
	sender, _ := rawjson.Text(content["sender"])
	var err error
	if send.Sender, err = todevice.ParseUserID(sender); err != nil {
		return send, badSender
	}
	if send.Sender.Server != r.origin {
		return send, foreignSender
	}
	if send.Type, ok = rawjson.Text(content["type"]); !ok || send.Type == "" || len(send.Type) > maxEventType {
		return send, badType
	}
	users, ok := rawjson.Object(content["messages"])
	if !ok {
		return send, badShape
	}
	send.MessageID = messageID(content["message_id"])
	for _, user := range slices.Sorted(maps.Keys(users)) {
		send.Messages = append(send.Messages, r.messagesTo(user, users[user])...)
	}
	return send, ""
}

// messageID reads the ID by which an EDU is told from its repetition. Without a
// usable one the EDU is taken all the same: a message twice is better than none.
func messageID(raw json.RawMessage) string {
	id, _ := rawjson.Text(raw)
	if utf8.RuneCountInString(id) > maxMessageID {
		return ""
	}
	return id
}

// messagesTo reads the messages to one user, by device.
func (r *reader) messagesTo(user string, raw json.RawMessage) (messages []todevice.Message) {
	to, err := todevice.ParseUserID(user)
	if err != nil {
		r.droppedMessages = append(r.droppedMessages, badRecipient)
		return nil
	}
	if to.Server != r.local {
		r.droppedMessages = append(r.droppedMessages, foreignRecipient)
		return nil
	}
	devices, ok := rawjson.Object(raw)
	if !ok {
		r.droppedMessages = append(r.droppedMessages, badShape)
		return nil
	}
	for _, device := range slices.Sorted(maps.Keys(devices)) {
		content, bad := readContent(devices[device])
		if bad != "" {
			r.droppedMessages = append(r.droppedMessages, bad)
			continue
		}
		messages = append(messages, todevice.Message{To: to, Device: device, Content: content})
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
