package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// mendBroadcasts removes the bodies that nobody waits for any more, because another
// program has deleted inboxes or devices, and counts right who waits for the others. It
// does so only if another program has written: all that waits is read for it.
func (s *Store) mendBroadcasts(ctx context.Context) (removed int64, err error) {
	if !s.othersWrote.CompareAndSwap(true, false) {
		return 0, nil
	}
	missed, err := s.missedInBroadcasts(ctx)
	for position, missing := range missed {
		if err != nil || missing == 0 {
			continue
		}
		var gone int64
		err = s.write(ctx, func(t *tx) error {
			if _, err := t.exec(`UPDATE broadcasts SET waiting = waiting - ? WHERE position = ?`, missing, position); err != nil {
				return err
			}
			gone, err = t.exec(`DELETE FROM broadcasts WHERE position = ? AND waiting <= 0`, position)
			return err
		})
		removed += gone
	}
	if err != nil {
		s.othersWrote.Store(true) // again the next time
		return removed, fmt.Errorf("mend broadcasts: %w", err)
	}
	return removed, nil
}

// missedInBroadcasts tells for each broadcast how many inboxes, of those that are counted
// as waiting for it, do not. What the writer does meanwhile changes both numbers alike.
func (s *Store) missedInBroadcasts(ctx context.Context) (missed map[todevice.Position]int, err error) {
	missed = make(map[todevice.Position]int)
	err = s.snapshot(ctx, func(r snapshot) error {
		rows, err := r.query(`SELECT position, waiting FROM broadcasts`)
		if err := each(rows, err, func(rows *sql.Rows) error {
			var position todevice.Position
			var waiting int
			err := rows.Scan(&position, &waiting)
			missed[position] = waiting
			return err
		}); err != nil || len(missed) == 0 {
			return err
		}
		rows, err = r.query(`SELECT position FROM inboxes WHERE event IS NULL`)
		return each(rows, err, func(rows *sql.Rows) error {
			var position todevice.Position
			err := rows.Scan(&position)
			missed[position]--
			return err
		})
	})
	return missed, err
}

// each calls do for every row of a query.
func each(rows *sql.Rows, err error, do func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
