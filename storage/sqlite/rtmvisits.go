package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// keepVisits is how long it is remembered that a user was in a channel, and
// renewVisits after what time it is noted again. A user may have maxVisits.
const (
	keepVisits  = 30 * 24 * time.Hour
	renewVisits = 24 * time.Hour
	maxVisits   = 1000
)

// NoteInChannel remembers that a user is in a channel of an app, so that they may read
// its history. To note it again soon costs no write.
func (s *Store) NoteInChannel(ctx context.Context, app string, user todevice.UserID, channel string) error {
	known, err := s.visited(ctx, app, user, channel, renewVisits)
	if err != nil || known {
		return err
	}
	err = s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT OR REPLACE INTO rtm_channel_visits (app, channel, user_id, at) VALUES (?, ?, ?, ?)`,
			app, channel, user.String(), t.nowMillis())
		if err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM rtm_channel_visits WHERE (app, channel, user_id) IN
			(SELECT app, channel, user_id FROM rtm_channel_visits WHERE user_id = ? ORDER BY at DESC LIMIT -1 OFFSET ?)`,
			user.String(), maxVisits)
		return err
	})
	if err != nil {
		return fmt.Errorf("note who is in a channel: %w", err)
	}
	return nil
}

// WasInChannel tells whether a user was in a channel lately, as far as it was noted, or
// has sent something there that is in the app's history.
func (s *Store) WasInChannel(ctx context.Context, app string, user todevice.UserID, channel string) (was bool, err error) {
	if was, err = s.visited(ctx, app, user, channel, keepVisits); was || err != nil {
		return was, err
	}
	// The plus has the index of the user's own messages used, not that of the channel's.
	err = s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM rtm_history
		WHERE app = ? AND source = ? AND at >= ? AND +channel = 1 AND +destination = ?)`,
		[]any{app, user.String(), s.now().Add(-s.history.age).UnixMilli(), channel}, &was)
	if err != nil {
		return false, fmt.Errorf("look who has sent to a channel: %w", err)
	}
	return was, nil
}

// visited tells whether a visit was noted within a time.
func (s *Store) visited(ctx context.Context, app string, user todevice.UserID, channel string, within time.Duration) (known bool, err error) {
	err = s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM rtm_channel_visits WHERE app = ? AND channel = ? AND user_id = ? AND at > ?)`,
		[]any{app, channel, user.String(), s.now().Add(-within).UnixMilli()}, &known)
	if err != nil {
		return false, fmt.Errorf("look who was in a channel: %w", err)
	}
	return known, nil
}
