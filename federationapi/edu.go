package federationapi

import (
	"encoding/json"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// A reason says why a request was refused, or why an EDU, or a message in one, was
// dropped. It is a metric label.
type reason string

const (
	badShape         reason = "bad_shape"
	badSender        reason = "bad_sender"
	foreignSender    reason = "foreign_sender"
	badType          reason = "bad_type"
	badRecipient     reason = "bad_recipient"
	foreignRecipient reason = "foreign_recipient"
	badContent       reason = "bad_content"
	contentTooLarge  reason = "content_too_large"
)

// A reader makes sends of the EDUs of one transaction, and notes what it drops.
type reader struct {
	origin spec.ServerName // which signed the transaction
	local  spec.ServerName // us
	sends  []todevice.Send
	// devices and signingKeys are what the origin tells of its users.
	devices     []todevice.DeviceListUpdate
	signingKeys []todevice.SigningKeyUpdate

	droppedEDUs     []reason
	droppedMessages []reason
}

// read takes the EDUs in their order. A bad one is dropped alone. One of a type
// that means nothing without rooms is passed over.
func (r *reader) read(edus []json.RawMessage) {
	for _, raw := range edus {
		edu, _ := rawjson.Pick(raw, "edu_type", "content")
		kind, ok := rawjson.String(edu[0])
		if !ok {
			r.droppedEDUs = append(r.droppedEDUs, badShape)
			continue
		}
		if bad := r.readOne(kind, edu[1]); bad != "" {
			r.droppedEDUs = append(r.droppedEDUs, bad)
		}
	}
}

// readOne reads the content of one EDU, or says why it is dropped.
func (r *reader) readOne(kind string, content json.RawMessage) (bad reason) {
	switch kind {
	case directToDevice:
		send, bad := r.directToDevice(content)
		if bad == "" && len(send.Messages) > 0 {
			r.sends = append(r.sends, send)
		}
		return bad
	case deviceListUpdate:
		update, bad := r.deviceListUpdate(content)
		if bad == "" {
			r.devices = append(r.devices, update)
		}
		return bad
	case signingKeyUpdate, unstableSigningKeyUpdate:
		update, bad := r.signingKeyUpdate(content)
		if bad == "" {
			r.signingKeys = append(r.signingKeys, update)
		}
		return bad
	}
	return ""
}
