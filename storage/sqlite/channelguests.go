package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// changeChannelGuests notes who is in channels, and who is not any more.
func (t *tx) changeChannelGuests(changes []todevice.ChannelGuestChange) (err error) {
	for _, c := range changes {
		localpart := ""
		if c.User.Server == t.writer.store.serverName {
			localpart = c.User.Localpart
		}
		if c.Left {
			_, err = t.exec(`DELETE FROM channel_guests WHERE app = ? AND channel = ? AND user_id = ?`, c.Channel.App, c.Channel.Name, c.User.String())
		} else {
			_, err = t.exec(`INSERT OR REPLACE INTO channel_guests (app, channel, user_id, localpart, heard) VALUES (?, ?, ?, ?, ?)`,
				c.Channel.App, c.Channel.Name, c.User.String(), localpart, t.nowMillis())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ChannelGuests gives who is in the channels of an app without a session, and was last
// heard of before a time; all if that is the zero time.
func (s *Store) ChannelGuests(ctx context.Context, app string, before time.Time) ([]todevice.ChannelGuest, error) {
	millis := before.UnixMilli()
	if before.IsZero() {
		millis = 1<<63 - 1
	}
	rows, err := s.query(ctx, `SELECT channel, user_id FROM channel_guests WHERE app = ? AND heard < ?`, app, millis)
	guests, err := collect(rows, err, func(rows *sql.Rows) (g todevice.ChannelGuest, err error) {
		var user string
		if err := rows.Scan(&g.Channel.Name, &user); err != nil {
			return g, err
		}
		g.Channel.App = app
		g.User, err = todevice.ParseUserID(user)
		return g, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the guests of channels: %w", err)
	}
	return guests, nil
}
