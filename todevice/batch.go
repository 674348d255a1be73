package todevice

import (
	"encoding/json"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A Batch is everything one request asks to have sent. It is accepted whole or
// not at all, and once, however often the request is repeated.
type Batch struct {
	Source Source
	Sends  []Send
	// EDUs are the messages for other servers, packed. The relay makes them from
	// Sends, which keeps only local recipients from then on.
	EDUs []EDU
	// DeviceLists and SigningKeys are what another server tells of its users, in its
	// order.
	DeviceLists []DeviceListUpdate
	SigningKeys []SigningKeyUpdate
	// Records are kept for the histories of RTM apps.
	Records []RTMRecord
	// Guests changes who is in channels of RTM.
	Guests []ChannelGuestChange
	// Unattended is true where whoever sends also sends for others: it is not held up
	// while much waits for a server.
	Unattended bool
}

// Empty tells whether the batch leaves nothing behind: no message, and no memory of its
// source.
func (b Batch) Empty() bool {
	for _, send := range b.Sends {
		if len(send.Messages) > 0 || send.MessageID != "" {
			return false
		}
	}
	return b.Source == Source{} && len(b.EDUs)+len(b.DeviceLists)+len(b.SigningKeys)+len(b.Records)+len(b.Guests) == 0
}

// A Source names the request a batch came from, so that its repetition can be
// told from a new one. At most one of Client, Origin, RTM and Taken is set; a batch with
// none (an RTM request without a key) is new each time.
type Source struct {
	// Client is the inbox of the device that sent the request, and Request its
	// endpoint, event type and transaction ID together. The scope is the device,
	// not the access token.
	Client  InboxID
	Request string
	// Origin is the server that sent the transaction, TxnID the transaction's ID.
	Origin spec.ServerName
	TxnID  string
	// RTM is the RTM request with a key.
	RTM *RTMRequest
	// Taken is a message in an inbox that the batch is the answer to. It and those before
	// it are removed with the batch's acceptance; the batch is a repetition if they were.
	Taken Delivery
}

// A Send is one event type sent by one user to any number of devices.
type Send struct {
	// MessageID is the one the origin gave the EDU, "" where there is none. A
	// message ID of an origin is accepted once, whatever transaction brings it.
	MessageID string
	Sender    UserID
	Type      string
	// SkipFull leaves out full inboxes here, which otherwise refuse the batch.
	SkipFull bool
	// Messages holds at most one entry for each user and device. The entries of
	// one user stand together. Where a user is addressed by AllDevices and by
	// name, a named device gets its own content and the others the former.
	Messages []Message
}

// A Message is a content for one device of one user, or for AllDevices.
type Message struct {
	To      UserID
	Device  string
	Content json.RawMessage
	// Class is how long a local device may take to come for it. To other servers all
	// classes are the same.
	Class Class
}

// A Class says what is promised of a message to a local device.
type Class int

const (
	// KeepConfirmed: kept until the device has confirmed it.
	KeepConfirmed Class = iota
	// KeepLatest: kept for seven days at most, and of one inbox's only the latest 200,
	// whoever sent them. Messages of other classes are not counted, and never go for one.
	KeepLatest
	// OnlineOnly: for a device that is there now, and forgotten if it does not confirm.
	OnlineOnly
)

// An EDU is one m.direct_to_device message unit for another server, as it will
// stand in the edus list of a transaction.
type EDU struct {
	Destination spec.ServerName
	JSON        []byte
	Sender      UserID
	// To lists the users it is for, each once.
	To []UserID
}

// Accepted says what became of a batch that is now durable.
type Accepted struct {
	// Repeated is true if the batch had been accepted before. Nothing was stored
	// now, and the other fields but Before are empty.
	Repeated bool
	// Before is what is remembered of an RTM request that is repeated.
	Before *RTMAnswer
	// Deliveries lists the local inboxes a message was placed in.
	Deliveries []Delivery
	// Servers names the destination of each EDU that waits now.
	Servers []spec.ServerName
	// StaleDeviceLists is true if the origin must be asked for the devices of some of
	// its users.
	StaleDeviceLists bool
	// Skipped counts what was left out, by reason.
	Skipped Skipped
	// Evicted lists what had to go from inboxes for the messages of the class KeepLatest.
	Evicted []Dropped
}

// A Dropped is a message that is in an inbox no more, though its device has not
// confirmed it.
type Dropped struct {
	// To is the user whose device it was for. A message to several devices is dropped
	// from the inbox of each by itself.
	To UserID
	// Event is the object the device would have had, see Event.JSON.
	Event json.RawMessage
}

// Skipped counts the entries of a batch that were left out while the rest was
// accepted.
type Skipped struct {
	// UnknownDevices had a local recipient that does not exist.
	UnknownDevices int
	// RepeatedMessages had a message ID that was accepted before.
	RepeatedMessages int
	// FullInboxes came from another server, or were to skip them, for an inbox that holds
	// as much as it may.
	FullInboxes int
	// DeniedServers had a recipient on a server this one is to have nothing to do with.
	DeniedServers int
}
