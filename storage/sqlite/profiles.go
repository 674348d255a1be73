package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// Profile gives what a local user shows of themselves, or todevice.ErrUnknownUser.
func (s *Store) Profile(ctx context.Context, localpart string) (p todevice.Profile, err error) {
	err = s.queryRow(ctx, `SELECT display_name, avatar_url FROM users WHERE localpart = ?`, []any{localpart},
		&p.DisplayName, &p.AvatarURL)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownUser
	}
	if err != nil {
		return todevice.Profile{}, fmt.Errorf("read the profile: %w", err)
	}
	return p, nil
}

// SetProfile changes the profile of a local user, or fails with
// todevice.ErrUnknownUser.
func (s *Store) SetProfile(ctx context.Context, localpart string, change todevice.ProfileChange) error {
	err := s.write(ctx, func(t *tx) error {
		rows, err := t.exec(`UPDATE users SET display_name = coalesce(?, display_name), avatar_url = coalesce(?, avatar_url)
			WHERE localpart = ?`, change.DisplayName, change.AvatarURL, localpart)
		if err == nil && rows == 0 {
			err = todevice.ErrUnknownUser
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set the profile: %w", err)
	}
	return nil
}
