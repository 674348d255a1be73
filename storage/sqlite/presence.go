package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// SetPresence keeps what a user is, and with what words; nil leaves the words that
// are there. What is so already changes nothing and costs no commit. It fails with
// todevice.ErrUnknownUser.
func (s *Store) SetPresence(ctx context.Context, localpart string, state todevice.PresenceState, statusMsg *string) error {
	old, err := s.Presence(ctx, localpart)
	if err != nil || told(old, state, statusMsg) {
		return err
	}
	err = s.write(ctx, func(t *tx) error { return t.setPresence(localpart, state, statusMsg) })
	if err != nil {
		return fmt.Errorf("set presence: %w", err)
	}
	return nil
}

// told tells whether a user's presence is known to be as they say.
func told(p todevice.Presence, state todevice.PresenceState, statusMsg *string) bool {
	return !p.Since.IsZero() && p.State == state && (statusMsg == nil || *statusMsg == p.StatusMsg)
}

func (t *tx) setPresence(localpart string, state todevice.PresenceState, statusMsg *string) error {
	exists, err := t.userExists(localpart)
	if err != nil || !exists {
		return errorOr(err, todevice.ErrUnknownUser)
	}
	old, _, err := t.snapshot().presence(localpart, 0)
	if err != nil || told(old, state, statusMsg) {
		return err
	}
	at := t.position()
	_, err = t.exec(`INSERT INTO presence (localpart, state, status_msg, at, position) VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5)
		ON CONFLICT DO UPDATE SET state = ?2, status_msg = coalesce(?3, status_msg), at = ?4, position = ?5`,
		localpart, string(state), statusMsg, t.nowMillis(), at)
	if err != nil {
		return err
	}
	t.userChanged(localpart, at)
	return nil
}

// Presence gives what a user said of themselves last. Who never said anything, or does
// not exist, is offline.
func (s *Store) Presence(ctx context.Context, localpart string) (p todevice.Presence, err error) {
	err = s.queryRow(ctx, presenceOf, []any{localpart, 0}, presenceInto(&p)...)
	if errors.Is(err, sql.ErrNoRows) {
		return todevice.Presence{State: todevice.Offline}, nil
	}
	if err != nil {
		return todevice.Presence{}, fmt.Errorf("read presence: %w", err)
	}
	return p, nil
}

// presence gives what a user said of themselves, if that was after a position.
func (r snapshot) presence(localpart string, after todevice.Position) (p todevice.Presence, changed bool, err error) {
	err = r.queryRow(presenceOf, []any{localpart, after}, presenceInto(&p)...)
	if errors.Is(err, sql.ErrNoRows) {
		return todevice.Presence{}, false, nil
	}
	if err != nil {
		return todevice.Presence{}, false, fmt.Errorf("read presence: %w", err)
	}
	return p, true, nil
}

const presenceOf = `SELECT state, status_msg, at FROM presence WHERE localpart = ? AND position > ?`

func presenceInto(p *todevice.Presence) []any {
	return []any{&p.State, &p.StatusMsg, (*unixMillis)(&p.Since)}
}

// unixMillis reads a time as it is stored.
type unixMillis time.Time

func (m *unixMillis) Scan(value any) error {
	millis, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", value)
	}
	*m = unixMillis(time.UnixMilli(millis))
	return nil
}
