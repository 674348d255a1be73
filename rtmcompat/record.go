package rtmcompat

import (
	"context"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// RecordChannelMessage keeps what an uid of the app says in a channel for the app's
// history. It returns once that would survive a crash; only then may others be told.
func (s *Server) RecordChannelMessage(ctx context.Context, app App, from, channel, payload string, at time.Time) error {
	user, err := s.userOf(app, "the uid", from)
	if err != nil {
		return err
	}
	record := todevice.RTMRecord{App: app.ID, Source: user, Channel: channel, Payload: payload, At: at}
	if _, err := s.sender.Send(ctx, todevice.Batch{Records: []todevice.RTMRecord{record}}); err != nil {
		return fmt.Errorf("keep a channel message: %w", err)
	}
	return nil
}

// NoteInChannel remembers that an uid of the app is in a channel: its tokens may read from
// now on what the history has of it.
func (s *Server) NoteInChannel(ctx context.Context, app App, uid, channel string) error {
	user, err := s.userOf(app, "the uid", uid)
	if err != nil {
		return err
	}
	return s.store.NoteInChannel(ctx, app.ID, user, channel)
}
