package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// renewInterest is how exactly it is kept when a server last asked: less often, and
// each question would cost a commit.
const renewInterest = time.Hour

// NoteInterest remembers that a local user asked for keys of others, as they must
// hear of changes from now on. Users of this server who do not exist are left out.
func (s *Store) NoteInterest(ctx context.Context, localpart string, in []todevice.UserID) error {
	due := s.now().Add(-renewInterest).UnixMilli()
	var unnoted []todevice.UserID
	for _, user := range in {
		if user == (todevice.UserID{Localpart: localpart, Server: s.serverName}) {
			continue // everybody is interested in themselves
		}
		var noted bool
		err := s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM interest WHERE user_id = ? AND localpart = ? AND at > ?)
			OR ? AND NOT EXISTS (SELECT 1 FROM users WHERE localpart = ?)`,
			[]any{user.String(), localpart, due, user.Server == s.serverName, user.Localpart}, &noted)
		if err != nil {
			return fmt.Errorf("look for the interest of a user: %w", err)
		}
		if !noted {
			unnoted = append(unnoted, user)
		}
	}
	if len(unnoted) == 0 {
		return nil
	}
	err := s.write(ctx, func(t *tx) error {
		for _, user := range unnoted {
			if _, err := t.userInterested(localpart, user); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the interest of a user: %w", err)
	}
	return nil
}

// NoteRemoteInterest remembers that a server asked for the keys or devices of local
// users, as it must hear of their changes from now on. Users who do not exist are
// left out.
func (s *Store) NoteRemoteInterest(ctx context.Context, server spec.ServerName, localparts []string) error {
	now := s.now()
	var stale []string
	for _, localpart := range localparts {
		rows, err := s.query(ctx, `SELECT u.localpart FROM users u LEFT JOIN remote_interest i
			ON i.localpart = u.localpart AND i.server = ? WHERE u.localpart = ? AND (i.at IS NULL OR i.at <= ?)`,
			string(server), localpart, now.Add(-renewInterest).UnixMilli())
		found, err := collect(rows, err, func(rows *sql.Rows) (localpart string, err error) {
			err = rows.Scan(&localpart)
			return localpart, err
		})
		if err != nil {
			return fmt.Errorf("look for the interest of a server: %w", err)
		}
		stale = append(stale, found...)
	}
	if len(stale) == 0 {
		return nil
	}
	err := s.write(ctx, func(t *tx) error {
		for _, localpart := range stale {
			if _, err := t.serverInterested(server, localpart); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the interest of a server: %w", err)
	}
	return nil
}

// InterestedServers lists the servers that have asked, of late, for the keys or
// devices of a local user.
func (s *Store) InterestedServers(ctx context.Context, localpart string) ([]spec.ServerName, error) {
	rows, err := s.query(ctx, `SELECT server FROM remote_interest WHERE localpart = ? ORDER BY server`, localpart)
	servers, err := collect(rows, err, func(rows *sql.Rows) (server spec.ServerName, err error) {
		err = rows.Scan(&server)
		return server, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the interested servers: %w", err)
	}
	return servers, nil
}
