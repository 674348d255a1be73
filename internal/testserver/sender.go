package testserver

import (
	"context"
	"crypto/rand"
	"fmt"
)

// A Sender sends stamped messages, each until it is answered.
type Sender struct {
	Client *Client
	Ledger *Ledger
	// To lists the recipients of each message. The ID of one may be [AllDevices].
	To []Device
	// Type is the event type; "" stands for one of its own.
	Type string
}

// Send sends so many messages one after the other, each under a transaction ID of
// its own, and returns once all were answered with 200.
func (s *Sender) Send(ctx context.Context, messages int) error {
	for range messages {
		if err := s.one(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sender) one(ctx context.Context) error {
	m := s.Ledger.Sending(s.Client.Device, s.To...)
	contents := make(Messages)
	for _, d := range s.To {
		if contents[d.User] == nil {
			contents[d.User] = make(map[string]any)
		}
		contents[d.User][d.ID] = m.Content()
	}
	eventType := s.Type
	if eventType == "" {
		eventType = "im.chappe.test"
	}
	if err := s.Client.SendToDeviceRetry(ctx, eventType, rand.Text(), contents); err != nil {
		return fmt.Errorf("send %s: %w", m, err)
	}
	s.Ledger.Accepted(m)
	return nil
}
