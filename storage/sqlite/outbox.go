package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// Destinations lists the servers for which EDUs wait.
func (s *Store) Destinations(ctx context.Context) ([]todevice.Destination, error) {
	// Steps from server to server instead of reading every waiting row.
	rows, err := s.query(ctx, `WITH RECURSIVE waiting (server) AS (
			SELECT min(server) FROM outbox
			UNION ALL SELECT (SELECT min(server) FROM outbox o WHERE o.server > w.server) FROM waiting w WHERE w.server IS NOT NULL)
		SELECT w.server, coalesce(d.failures, 0), coalesce(d.retry_at, 0)
		FROM waiting w LEFT JOIN destinations d ON d.server = w.server WHERE w.server IS NOT NULL`)
	destinations, err := collect(rows, err, func(rows *sql.Rows) (d todevice.Destination, err error) {
		var retryAt int64
		err = rows.Scan(&d.Server, &d.Failures, &retryAt)
		if retryAt != 0 {
			d.RetryAt = time.UnixMilli(retryAt)
		}
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("list destinations: %w", err)
	}
	return destinations, nil
}

// inFlight is the recorded composition of a transaction: the EDUs that wait for
// its server up to a position.
type inFlight struct {
	id      string
	created int64
	upTo    todevice.Position
}

// NextTransaction gives the transaction to send to a server: the one in flight,
// byte for byte, or else a new one of what waits, oldest first, at most maxEDUs
// and about maxBytes (one EDU always fits). It is nil if nothing waits.
func (s *Store) NextTransaction(ctx context.Context, server spec.ServerName, maxEDUs, maxBytes int) (*todevice.Transaction, error) {
	flight, err := s.inFlight(ctx, server)
	if err == nil && flight.id == "" {
		err = s.write(ctx, func(t *tx) error {
			flight, err = t.compose(server, maxEDUs, maxBytes)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("compose a transaction: %w", err)
	}
	if flight.id == "" {
		return nil, nil
	}
	rows, err := s.query(ctx, `SELECT edu FROM outbox WHERE server = ? AND position <= ? ORDER BY position`, string(server), flight.upTo)
	edus, err := collect(rows, err, func(rows *sql.Rows) (edu json.RawMessage, err error) {
		err = rows.Scan(&edu)
		return edu, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the transaction: %w", err)
	}
	return &todevice.Transaction{Destination: server, ID: flight.id, Created: time.UnixMilli(flight.created), EDUs: edus}, nil
}

func (s *Store) inFlight(ctx context.Context, server spec.ServerName) (f inFlight, err error) {
	err = s.queryRow(ctx, `SELECT txn_id, txn_created, txn_upto FROM destinations WHERE server = ? AND txn_id IS NOT NULL`,
		[]any{string(server)}, &f.id, &f.created, &f.upTo)
	if errors.Is(err, sql.ErrNoRows) {
		return inFlight{}, nil
	}
	return f, err
}

// compose records the next transaction. The server has none in flight.
func (t *tx) compose(server spec.ServerName, maxEDUs, maxBytes int) (f inFlight, err error) {
	type row struct {
		position todevice.Position
		size     int
	}
	rows, err := t.query(`SELECT position, length(edu) FROM outbox WHERE server = ? ORDER BY position LIMIT ?`, string(server), maxEDUs)
	waiting, err := collect(rows, err, func(rows *sql.Rows) (r row, err error) {
		err = rows.Scan(&r.position, &r.size)
		return r, err
	})
	if err != nil || len(waiting) == 0 {
		return inFlight{}, err
	}
	for i, r := range waiting {
		if maxBytes -= r.size; i > 0 && maxBytes < 0 {
			break
		}
		f.upTo = r.position
	}
	// The time tells transactions apart across a database lost and made again.
	f.created = nowMillis()
	f.id = fmt.Sprintf("%d-%s", f.created, rand.Text())
	_, err = t.exec(`INSERT INTO destinations (server, txn_id, txn_created, txn_upto, failures, retry_at, last_error)
		VALUES (?, ?, ?, ?, 0, 0, '') ON CONFLICT (server) DO UPDATE
		SET txn_id = excluded.txn_id, txn_created = excluded.txn_created, txn_upto = excluded.txn_upto`,
		string(server), f.id, f.created, f.upTo)
	return f, err
}

// TransactionDone removes the EDUs of a transaction its server has confirmed, and
// forgets the server's failures.
func (s *Store) TransactionDone(ctx context.Context, server spec.ServerName, txnID string) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM outbox WHERE server = ?1 AND position <=
			(SELECT txn_upto FROM destinations WHERE server = ?1 AND txn_id = ?2)`, string(server), txnID)
		if err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM destinations WHERE server = ? AND txn_id = ?`, string(server), txnID)
		return err
	})
	if err != nil {
		return fmt.Errorf("finish the transaction: %w", err)
	}
	return nil
}

// TransactionFailed records that trying a server failed, and when to try again.
func (s *Store) TransactionFailed(ctx context.Context, d todevice.Destination, reason string) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO destinations (server, failures, retry_at, last_error) VALUES (?, ?, ?, ?)
			ON CONFLICT (server) DO UPDATE
			SET failures = excluded.failures, retry_at = excluded.retry_at, last_error = excluded.last_error`,
			string(d.Server), d.Failures, d.RetryAt.UnixMilli(), reason)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the failure: %w", err)
	}
	return nil
}
