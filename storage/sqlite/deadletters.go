package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// GiveUpTransaction moves what is in a transaction, which should be one EDU, to the
// dead letters. What waits behind it is next; where nothing does, the server's
// failures are forgotten.
func (s *Store) GiveUpTransaction(ctx context.Context, server spec.ServerName, txnID, reason string) error {
	err := s.write(ctx, func(t *tx) error {
		f, ok, err := t.inFlight(server, txnID)
		if err != nil || !ok {
			return err
		}
		for class, upTo := range f.upTo {
			if err := t.bury(server, class, upTo, reason); err != nil {
				return err
			}
		}
		if _, err := t.remove(server, f); err != nil {
			return err
		}
		if err := t.land(server); err != nil {
			return err
		}
		return t.forgetIfIdle(server)
	})
	if err != nil {
		return fmt.Errorf("give up the transaction: %w", err)
	}
	return nil
}

// expired is the reason of dead letters whose server was not reached in time.
const expired = "not delivered in time"

// GiveUpBefore moves the EDUs that were accepted before a time to the dead letters,
// and gives their number. A transaction in flight that holds one is taken back; what
// remains of it goes out under another ID.
func (s *Store) GiveUpBefore(ctx context.Context, before time.Time) (edus int, err error) {
	destinations, err := s.Destinations(ctx)
	if err != nil {
		return 0, err
	}
	for _, d := range destinations {
		for given := sweepRows; given == sweepRows; edus += given {
			err := s.write(ctx, func(t *tx) (err error) {
				given, err = t.giveUpBefore(d.Server, before)
				return err
			})
			if err != nil {
				return edus, fmt.Errorf("give up what was not delivered in time: %w", err)
			}
		}
	}
	return edus, nil
}

// giveUpBefore gives up some of what waits for a server, oldest first.
func (t *tx) giveUpBefore(server spec.ServerName, before time.Time) (edus int, err error) {
	for class := range classes {
		rows, err := t.query(`SELECT position, at FROM outbox WHERE server = ? AND class = ? ORDER BY position LIMIT ?`,
			string(server), class, sweepRows-edus)
		var upTo, count int64
		old := true
		_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var position, at int64
			err := rows.Scan(&position, &at)
			if old = old && at > 0 && at < before.UnixMilli(); old {
				upTo = position
				count++
			}
			return struct{}{}, err
		})
		if err != nil {
			return 0, err
		}
		if count == 0 {
			continue
		}
		if err := t.bury(server, class, todevice.Position(upTo), expired); err != nil {
			return 0, err
		}
		_, err = t.exec(`DELETE FROM outbox WHERE server = ? AND class = ? AND position <= ?`, string(server), class, upTo)
		if err != nil {
			return 0, err
		}
		edus += int(count)
	}
	if edus == 0 {
		return 0, nil
	}
	if err := t.land(server); err != nil {
		return 0, err
	}
	return edus, t.forgetIfIdle(server)
}

// bury copies the rows of a class up to a position into the dead letters.
func (t *tx) bury(server spec.ServerName, class int, upTo todevice.Position, reason string) error {
	_, err := t.exec(`INSERT INTO dead_letters (position, server, edu, at, reason)
		SELECT position, server, edu, ?, ? FROM outbox WHERE server = ? AND class = ? AND position <= ?`,
		t.nowMillis(), reason, string(server), class, upTo)
	return err
}

// forgetIfIdle forgets a server's failures where nothing waits for it.
func (t *tx) forgetIfIdle(server spec.ServerName) error {
	_, err := t.exec(`DELETE FROM destinations WHERE server = ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE server = ?1)`,
		string(server))
	return err
}

// DeadLetters tells of what was given up for a server and is still kept.
func (s *Store) DeadLetters(ctx context.Context, server spec.ServerName) (letters todevice.DeadLetters, err error) {
	var oldest sql.NullInt64
	err = s.queryRow(ctx, `SELECT count(*), min(at),
			coalesce((SELECT reason FROM dead_letters WHERE server = ?1 ORDER BY at DESC, position DESC LIMIT 1), '')
		FROM dead_letters WHERE server = ?1`, []any{string(server)}, &letters.Count, &oldest, &letters.LastReason)
	if err != nil {
		return todevice.DeadLetters{}, fmt.Errorf("count dead letters: %w", err)
	}
	if oldest.Valid {
		letters.Oldest = time.UnixMilli(oldest.Int64)
	}
	return letters, nil
}
