package relay

import (
	"slices"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// maxEDU is the size in bytes up to which messages share an EDU. An EDU of one
// large message, or of what cannot be separated, may be longer.
const maxEDU = 60_000

// packEDUs makes the EDUs that carry a send to other servers: the recipients of
// one server together as long as they fit, in the order of their user and device.
//
// https://spec.matrix.org/v1.15/server-server-api/#send-to-device-messaging
func packEDUs(send todevice.Send, remote []todevice.Message) []todevice.EDU {
	slices.SortStableFunc(remote, func(a, b todevice.Message) int {
		return strings.Compare(string(a.To.Server), string(b.To.Server))
	})
	var edus []todevice.EDU
	var pack packer
	for rest := remote; len(rest) > 0; {
		together := rest[:inseparable(rest)]
		rest = rest[len(together):]
		to := together[0].To.Server
		if pack.recipients > 0 && (pack.server != to || len(pack.out)+contentBytes(together) > maxEDU) {
			edus = append(edus, pack.finish())
		}
		if pack.recipients == 0 {
			pack.begin(send, to)
		}
		for _, message := range together {
			pack.add(message)
		}
	}
	if pack.recipients > 0 {
		edus = append(edus, pack.finish())
	}
	return edus
}

// inseparable gives how many of the leading messages must share an EDU: all to one
// user if one of them is to all devices, since the other server leaves out of those
// the devices it sees named beside it.
func inseparable(messages []todevice.Message) int {
	toAll := false
	n := 0
	for n < len(messages) && messages[n].To == messages[0].To {
		toAll = toAll || messages[n].Device == todevice.AllDevices
		n++
	}
	if !toAll {
		return 1
	}
	return n
}

func contentBytes(messages []todevice.Message) (bytes int) {
	for _, message := range messages {
		bytes += len(message.Content)
	}
	return bytes
}

// A packer writes one EDU at a time.
type packer struct {
	server     spec.ServerName
	sender     todevice.UserID
	eventType  string
	users      []todevice.UserID // the last is the one whose devices are being listed
	recipients int
	out        []byte
}

func (p *packer) begin(send todevice.Send, server spec.ServerName) {
	p.server, p.sender, p.eventType = server, send.Sender, send.Type
	p.out = append([]byte(nil), `{"content":{"message_id":`...)
	p.out = todevice.AppendString(p.out, messageID(time.Now())) // made once, here: a retry carries the same ID
	p.out = append(p.out, `,"messages":{`...)
}

func (p *packer) add(m todevice.Message) {
	switch {
	case p.recipients == 0:
		p.openUser(m.To)
	case p.users[len(p.users)-1] != m.To:
		p.out = append(p.out, '}', ',')
		p.openUser(m.To)
	default:
		p.out = append(p.out, ',')
	}
	p.recipients++
	p.out = todevice.AppendString(p.out, m.Device)
	p.out = append(p.out, ':')
	p.out = append(p.out, m.Content...)
}

func (p *packer) openUser(user todevice.UserID) {
	p.users = append(p.users, user)
	p.out = todevice.AppendString(p.out, user.String())
	p.out = append(p.out, ':', '{')
}

// finish ends the EDU. Its members stand in the order that canonical JSON wants, so that it
// need not be written anew when a transaction with it is signed.
func (p *packer) finish() todevice.EDU {
	p.out = append(p.out, `}},"sender":`...)
	p.out = todevice.AppendString(p.out, p.sender.String())
	p.out = append(p.out, `,"type":`...)
	p.out = todevice.AppendString(p.out, p.eventType)
	edu := todevice.EDU{
		Destination: p.server, JSON: append(p.out, `},"edu_type":"m.direct_to_device"}`...),
		Sender: p.sender, To: p.users,
	}
	*p = packer{}
	return edu
}
