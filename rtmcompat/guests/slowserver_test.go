package guests

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/todevice"
)

// A crowdedStore is an inbox in memory, and a sender that holds up who sends to slow.test,
// as the relay does while very much waits for a server.
type crowdedStore struct {
	events []todevice.Event
	left   []todevice.ChannelGuest
	said   func(server, payload string)
}

func (s *crowdedStore) EnsureDevice(context.Context, string, string) (todevice.Device, error) {
	return todevice.Device{User: app.Service, ID: "RTM", Inbox: 1}, nil
}
func (s *crowdedStore) Pending(context.Context, todevice.InboxID, todevice.Position) ([]todevice.Event, bool, error) {
	return append([]todevice.Event(nil), s.events[:min(len(s.events), 100)]...), len(s.events) > 100, nil
}
func (s *crowdedStore) Confirm(_ context.Context, _ todevice.InboxID, upTo todevice.Position) (int, error) {
	for len(s.events) > 0 && s.events[0].Position <= upTo {
		s.events = s.events[1:]
	}
	return 1, nil
}
func (s *crowdedStore) ChannelGuests(context.Context, string, time.Time) ([]todevice.ChannelGuest, error) {
	return s.left, nil
}
func (s *crowdedStore) Wait(todevice.Device) (<-chan struct{}, func()) { return nil, func() {} }
func (s *crowdedStore) Send(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	slow := false
	for _, send := range b.Sends {
		for _, m := range send.Messages {
			slow = slow || m.To.Server == "slow.test"
			s.said(string(m.To.Server), string(m.Content))
		}
	}
	if slow && !b.Unattended {
		time.Sleep(time.Second)
	}
	_, err := s.Confirm(ctx, 1, b.Source.Taken.Position)
	return todevice.Accepted{}, err
}

func TestGuestOfASlowServerHoldsNoChannelUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		user := func(name, server string) todevice.UserID {
			u, _ := todevice.ParseUserID("@" + name + ":" + server)
			return u
		}
		in := func(channel string, u todevice.UserID) todevice.ChannelGuest {
			return todevice.ChannelGuest{Channel: todevice.Channel{App: "app", Name: channel}, User: u}
		}
		began, took := time.Now(), time.Hour
		s := &crowdedStore{left: []todevice.ChannelGuest{
			in("busy", user("eve", "slow.test")), in("busy", user("bob", "here.test")),
			in("other", user("carol", "here.test")), in("other", user("dan", "quick.test")),
		}, said: func(server, _ string) {
			if server == "quick.test" {
				took = min(took, time.Since(began)) // what comes later is that guests are dismissed
			}
		}}
		say := func(u, channel string) {
			s.events = append(s.events, todevice.Event{Position: todevice.Position(len(s.events) + 1), JSON: fmt.Appendf(nil,
				`{"type":%q,"sender":%q,"content":{"channel":%q,"payload":"x"}}`, Say, u, channel)})
		}
		for range 300 {
			say("@bob:here.test", "busy")
		}
		say("@carol:here.test", "other")
		log := logrus.New()
		log.SetOutput(io.Discard)
		service := New(s, s, s, channels.New(), logrus.NewEntry(log))
		service.SetApps([]App{app})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- service.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		cancel()
		<-done
		if took > time.Second {
			t.Errorf("what carol said in another channel came to dan at quick.test after %v", took)
		}
	})
}
