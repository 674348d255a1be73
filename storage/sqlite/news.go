package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// News gives what a device of a local user has to hear besides messages after a
// position. Where nothing has changed it is empty and tells no more than up to
// there.
func (s *Store) News(ctx context.Context, localpart string, after todevice.Position) (news todevice.News, err error) {
	nothing, generation := s.bounds.nothingAfter(localpart, after)
	if nothing {
		return todevice.News{UpTo: after}, nil
	}
	err = s.snapshot(ctx, func(r snapshot) error {
		news, err = r.news(localpart, after)
		return err
	})
	if err != nil {
		return todevice.News{}, fmt.Errorf("read what has changed: %w", err)
	}
	s.bounds.read(localpart, news.UpTo, generation)
	return news, nil
}

func (r snapshot) news(localpart string, after todevice.Position) (news todevice.News, err error) {
	if err = r.queryRow(`SELECT head FROM this`, nil, &news.UpTo); err != nil {
		return todevice.News{}, err
	}
	if news.Changed, err = r.changedUsers(localpart, after); err != nil {
		return todevice.News{}, err
	}
	news.Left, err = r.userIDs(`SELECT user_id FROM interest_lost WHERE localpart = ? AND position > ? ORDER BY user_id`,
		localpart, after)
	if err != nil {
		return todevice.News{}, err
	}
	if news.AccountData, err = r.accountData(localpart, after); err != nil {
		return todevice.News{}, err
	}
	presence, changed, err := r.presence(localpart, after)
	if changed {
		news.Presence = &presence
	}
	return news, err
}

// changedUsers lists those in whom a user is interested, the user themselves among
// them, whose devices or keys look different than they did at a position. It goes
// through the user's acquaintances, and so costs no more on a server where very
// much changes.
func (r snapshot) changedUsers(localpart string, after todevice.Position) ([]string, error) {
	here := ":" + string(r.store.serverName)
	return r.userIDs(`SELECT user_id FROM interest i WHERE localpart = ?1 AND (
			EXISTS (SELECT 1 FROM remote_device_changes r WHERE r.user_id = i.user_id AND r.position > ?2)
			OR substr(i.user_id, -length(?3)) = ?3 AND EXISTS (SELECT 1 FROM device_changes c
				WHERE c.localpart = substr(i.user_id, 2, length(i.user_id) - length(?3) - 1) AND c.position > ?2))
		UNION SELECT '@' || ?1 || ?3 WHERE EXISTS (SELECT 1 FROM device_changes WHERE localpart = ?1 AND position > ?2)
		UNION SELECT user_id FROM own_view_changes WHERE localpart = ?1 AND position > ?2
		ORDER BY user_id`, localpart, after, here)
}

func (r snapshot) userIDs(query string, args ...any) ([]string, error) {
	rows, err := r.query(query, args...)
	return collect(rows, err, func(rows *sql.Rows) (id string, err error) {
		err = rows.Scan(&id)
		return id, err
	})
}
