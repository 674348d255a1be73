package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// renewInterest is how exactly it is kept when a server last asked: less often, and
// each question would cost a commit.
const renewInterest = time.Hour

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
			if err := t.serverInterested(server, localpart); err != nil {
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
