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
			_, err := t.exec(`INSERT INTO dead_letters (position, server, edu, at, reason)
				SELECT position, server, edu, ?, ? FROM outbox WHERE server = ? AND class = ? AND position <= ?`,
				t.nowMillis(), reason, string(server), class, upTo)
			if err != nil {
				return err
			}
		}
		if _, err := t.remove(server, f); err != nil {
			return err
		}
		if err := t.land(server); err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM destinations WHERE server = ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE server = ?1)`,
			string(server))
		return err
	})
	if err != nil {
		return fmt.Errorf("give up the transaction: %w", err)
	}
	return nil
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
