package todevice

import "time"

// An RTMEvent is something that happened to a user of an RTM app, for programs that ask
// for it or are told by a webhook.
type RTMEvent struct {
	// App is the ID of the app.
	App  string
	Type RTMEventType
	// User is the uid of whom it happened to: of a message, the receiver.
	User string
	// Channel is where, "" for all types but RTMJoin and RTMLeave.
	Channel string
	// MessageID is the one of the message, "" for all types but RTMDelivered and
	// RTMExpired.
	MessageID string
	// At is when; zero stands for the time at which it is recorded.
	At time.Time
}

// An RTMEventType says what happened. Its letters are those of the configuration, of
// webhooks, and of the database.
type RTMEventType string

const (
	RTMLogin  RTMEventType = "login"
	RTMLogout RTMEventType = "logout"
	RTMJoin   RTMEventType = "join"
	RTMLeave  RTMEventType = "leave"
	// RTMDelivered: a device of the receiver has confirmed the message.
	RTMDelivered RTMEventType = "message_delivered"
	// RTMExpired: the message was kept for the receiver, who did not come for it.
	RTMExpired RTMEventType = "message_expired"
)

// RTMEventTypes lists all there are.
func RTMEventTypes() []RTMEventType {
	return []RTMEventType{RTMLogin, RTMLogout, RTMJoin, RTMLeave, RTMDelivered, RTMExpired}
}

// Kind is the stream in which programs find events of this type, "" where only webhooks
// are told.
func (t RTMEventType) Kind() RTMEventKind {
	switch t {
	case RTMLogin, RTMLogout:
		return RTMUserEvents
	case RTMJoin, RTMLeave:
		return RTMChannelEvents
	default:
		return ""
	}
}

// An RTMEventKind names one of the two streams of events that an app has.
type RTMEventKind string

const (
	RTMUserEvents    RTMEventKind = "user"
	RTMChannelEvents RTMEventKind = "channel"
)

// RTMBeginning is the place before the oldest event of a stream that is kept.
const RTMBeginning = -1

// An RTMEventPage is what follows a place in a stream of events.
type RTMEventPage struct {
	Events []RTMEvent
	// Next is the place after the last of Events, to go on from.
	Next int64
	// Lost is true if events that followed the place are not kept any more, or the place
	// is none of this stream.
	Lost bool
}

// An RTMWebhook is a receiver of events, as far as storage must know it.
type RTMWebhook struct {
	// ID names the webhook beyond restarts.
	ID     string
	App    string
	Events []RTMEventType
}

// An RTMWebhookEvent is an event as it waits for one webhook.
type RTMWebhookEvent struct {
	RTMEvent
	// ID is the event's own, random, the same for all webhooks.
	ID string
	// Number counts the events of the webhook, without a gap.
	Number int64
}

// An RTMWebhookState is how it goes with one webhook.
type RTMWebhookState struct {
	// Waiting counts the events that wait, Dead those that were given up and are kept to
	// be looked at.
	Waiting, Dead int
	// Failures counts the attempts that failed since the last success; RetryAt is when
	// the next one is due, zero where none has failed.
	Failures int
	RetryAt  time.Time
}
