package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// BeginRTMSession remembers a session as the last one of its device, and tells whether the
// one before it had the same name. It fails with todevice.ErrUnknownDevice if the device
// is not there any more.
func (s *Store) BeginRTMSession(ctx context.Context, session todevice.RTMSession) (resumed bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		var last string
		err := t.queryRow(`SELECT coalesce(s.sid, '') FROM devices d LEFT JOIN rtm_sessions s ON s.inbox = d.inbox WHERE d.inbox = ?`,
			[]any{session.Device.Inbox}, &last)
		if errors.Is(err, sql.ErrNoRows) {
			return todevice.ErrUnknownDevice
		}
		if err != nil {
			return err
		}
		resumed = last != "" && last == session.SID
		_, err = t.exec(`INSERT OR REPLACE INTO rtm_sessions (inbox, app, uid, sid, token_until, standing) VALUES (?, ?, ?, ?, ?, 1)`,
			session.Device.Inbox, session.App, session.UID, session.SID, session.TokenUntil.Unix())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remember an RTM session: %w", err)
	}
	return resumed, nil
}

// EndRTMSession notes that a session has ended, if it is still the last one of its device.
func (s *Store) EndRTMSession(ctx context.Context, session todevice.RTMSession) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE rtm_sessions SET standing = 0 WHERE inbox = ? AND sid = ?`, session.Device.Inbox, session.SID)
		return err
	})
	if err != nil {
		return fmt.Errorf("end an RTM session: %w", err)
	}
	return nil
}

// RTMSessions gives the sessions that have not ended.
func (s *Store) RTMSessions(ctx context.Context) ([]todevice.RTMSession, error) {
	rows, err := s.query(ctx, `SELECT d.inbox, d.localpart, d.device_id, s.app, s.uid, s.sid, s.token_until
		FROM rtm_sessions s JOIN devices d ON d.inbox = s.inbox WHERE s.standing ORDER BY s.inbox`)
	sessions, err := collect(rows, err, func(rows *sql.Rows) (r todevice.RTMSession, err error) {
		var until int64
		err = rows.Scan(&r.Device.Inbox, &r.Device.User.Localpart, &r.Device.ID, &r.App, &r.UID, &r.SID, &until)
		r.Device.User.Server, r.TokenUntil = s.serverName, time.Unix(until, 0)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the RTM sessions: %w", err)
	}
	return sessions, nil
}
