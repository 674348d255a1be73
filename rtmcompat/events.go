package rtmcompat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// maxEvents is how many events one answer has at most.
const maxEvents = 1000

// errKeyOnly is the reason for the log where a token opens no events.
var errKeyOnly = errors.New("the app's events are not open to tokens")

// An eventsAnswer is the success answer of the endpoints that tell events.
type eventsAnswer[Event any] struct {
	Result    string  `json:"result"` // always "success"
	RequestID string  `json:"request_id"`
	Events    []Event `json:"events"`
	// Next and Lost are there only where the events were read, and not drained.
	Next string `json:"next,omitempty"`
	Lost *bool  `json:"lost,omitempty"`
}

// A userEvent has the time under both names that the vendors gave it.
type userEvent struct {
	UserID string `json:"user_id"`
	Type   string `json:"type"` // Login or Logout
	MS     int64  `json:"ms"`
	TS     int64  `json:"ts"`
}

// A channelEvent has the channel, too, under both of its names.
type channelEvent struct {
	GroupID   string `json:"group_id"`
	ChannelID string `json:"channel_id"`
	UserID    string `json:"user_id"`
	Type      string `json:"type"` // Join or Leave
	MS        int64  `json:"ms"`
	TS        int64  `json:"ts"`
}

// userEvents answers GET /dev/v2/project/{appId}/rtm/vendor/user_events.
func (s *Server) userEvents(ctx context.Context, c caller, q eventsQuery) (eventsAnswer[userEvent], error) {
	return answerEvents(ctx, s, c, todevice.RTMUserEvents, q, func(e todevice.RTMEvent) userEvent {
		ms := e.At.UnixMilli()
		return userEvent{UserID: e.User, Type: vendorType(e.Type), MS: ms, TS: ms}
	})
}

// channelEvents answers GET /dev/v2/project/{appId}/rtm/vendor/channel_events.
func (s *Server) channelEvents(ctx context.Context, c caller, q eventsQuery) (eventsAnswer[channelEvent], error) {
	return answerEvents(ctx, s, c, todevice.RTMChannelEvents, q, func(e todevice.RTMEvent) channelEvent {
		ms := e.At.UnixMilli()
		return channelEvent{GroupID: e.Channel, ChannelID: e.Channel, UserID: e.User, Type: vendorType(e.Type), MS: ms, TS: ms}
	})
}

// vendorType is what the vendors call a type that is in a stream.
func vendorType(t todevice.RTMEventType) string {
	switch t {
	case todevice.RTMLogin:
		return "Login"
	case todevice.RTMLogout:
		return "Logout"
	case todevice.RTMJoin:
		return "Join"
	default:
		return "Leave"
	}
}

func answerEvents[Event any](
	ctx context.Context, s *Server, c caller, kind todevice.RTMEventKind, q eventsQuery, show func(todevice.RTMEvent) Event,
) (eventsAnswer[Event], error) {
	answer := eventsAnswer[Event]{Result: "success", RequestID: c.requestID, Events: []Event{}}
	if c.uid != "" && !c.app.OpenEvents {
		return answer, unauthorized("events take a key of the app", errKeyOnly)
	}
	var page todevice.RTMEventPage
	var err error
	if q.reads {
		page, err = s.readEvents(ctx, c.app.ID, kind, q)
		answer.Next, answer.Lost = s.cursor(page.Next), &page.Lost
	} else {
		page.Events, err = s.store.DrainRTMEvents(ctx, c.app.ID, kind, maxEvents)
	}
	if err != nil {
		return answer, fmt.Errorf("tell %s events: %w", kind, err)
	}
	for _, e := range page.Events {
		answer.Events = append(answer.Events, show(e))
	}
	return answer, nil
}

// readEvents gives what follows a cursor, and waits for it where that is nothing.
func (s *Server) readEvents(ctx context.Context, app string, kind todevice.RTMEventKind, q eventsQuery) (todevice.RTMEventPage, error) {
	woken, leave := s.notifier.WaitRTMEvents(app) // before the first look, so that nothing falls between the two
	defer leave()
	waited := time.NewTimer(q.wait)
	defer waited.Stop()
	for {
		page, err := s.store.RTMEvents(ctx, app, kind, s.place(q.after), maxEvents)
		if err != nil || len(page.Events) > 0 || page.Lost || q.wait == 0 {
			return page, err
		}
		select {
		case <-woken:
		case <-waited.C:
			return page, nil
		case <-ctx.Done():
			return page, nil
		}
	}
}
