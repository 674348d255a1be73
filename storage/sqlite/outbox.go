package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// Destinations lists the servers for which EDUs wait.
func (s *Store) Destinations(ctx context.Context) ([]todevice.Destination, error) {
	// Steps from server to server instead of reading every waiting row.
	rows, err := s.query(ctx, `WITH RECURSIVE
		edus (server) AS (SELECT min(server) FROM outbox
			UNION ALL SELECT (SELECT min(server) FROM outbox o WHERE o.server > e.server) FROM edus e WHERE e.server IS NOT NULL),
		lists (server) AS (SELECT min(server) FROM device_list_outbox
			UNION ALL SELECT (SELECT min(server) FROM device_list_outbox o WHERE o.server > l.server) FROM lists l WHERE l.server IS NOT NULL),
		servers (server) AS (SELECT server FROM edus WHERE server IS NOT NULL UNION SELECT server FROM lists WHERE server IS NOT NULL)
		SELECT s.server, coalesce(d.failures, 0), coalesce(d.retry_at, 0)
		FROM servers s LEFT JOIN destinations d ON d.server = s.server`)
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

// NextTransaction gives the transaction to send to a server: the one in flight,
// byte for byte, or else a new one of what waits, messages to devices first and
// oldest first, at most maxEDUs and about maxBytes (one EDU always fits). It is nil
// if nothing waits. If the one in flight is the one confirmed, "" for none, that is
// done with first, as by TransactionDone.
func (s *Store) NextTransaction(ctx context.Context, server spec.ServerName, confirmed string, maxEDUs, maxBytes int) (*todevice.Transaction, error) {
	var flight inFlight
	var edus []json.RawMessage
	var err error
	if confirmed == "" { // otherwise there will be something to write in any case
		err = s.snapshot(ctx, func(r snapshot) (err error) {
			flight, edus, err = readFlight(r, server)
			return err
		})
	}
	for more := true; more && err == nil && flight.id == ""; {
		err = s.write(ctx, func(t *tx) (err error) {
			flight, edus, more, err = t.nextTransaction(server, confirmed, maxEDUs, maxBytes)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("compose a transaction: %w", err)
	}
	if flight.id == "" {
		return nil, nil
	}
	return &todevice.Transaction{
		Destination: server, ID: flight.id, Created: time.UnixMilli(flight.created), EDUs: edus,
		Refusals: flight.refusals, Reduced: flight.maxEDUs > 0,
	}, nil
}

// nextTransaction gives the transaction in flight, or ends it, if it is the one
// confirmed, and composes the next. Its EDUs are given only if it is new.
// nextTransaction gives the transaction in flight, or what is composed once that is
// confirmed. more tells that nothing was, though something waits.
func (t *tx) nextTransaction(server spec.ServerName, confirmed string, maxEDUs, maxBytes int) (f inFlight, edus []json.RawMessage, more bool, err error) {
	f, err = readInFlight(t.queryRow, server)
	if err == nil && f.id != "" && f.id != confirmed {
		edus, err = edusOf(t, server, f)
		return f, edus, false, err
	}
	reduced := f.maxEDUs
	if err == nil && f.id != "" {
		reduced, err = t.confirmed(server, f)
	}
	if err != nil {
		return inFlight{}, nil, false, err
	}
	return t.compose(server, reduced, maxEDUs, maxBytes)
}

// readFlight reads the transaction in flight, and what is in it.
func readFlight(from querier, server spec.ServerName) (f inFlight, edus []json.RawMessage, err error) {
	if f, err = readInFlight(from.queryRow, server); err == nil && f.id != "" {
		edus, err = edusOf(from, server, f)
	}
	return f, edus, err
}

// edusOf reads what is in the transaction in flight.
func edusOf(from querier, server spec.ServerName, f inFlight) (all []json.RawMessage, err error) {
	for class, upTo := range f.upTo {
		rows, err := from.query(`SELECT edu FROM outbox WHERE server = ? AND class = ? AND position <= ? ORDER BY position`,
			string(server), class, upTo)
		edus, err := collect(rows, err, func(rows *sql.Rows) (edu json.RawMessage, err error) {
			err = rows.Scan(&edu)
			return edu, err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, edus...)
	}
	return all, nil
}

// TransactionDone removes the EDUs of a transaction its server has confirmed, and
// forgets the server's failures. Where transactions were made smaller, the next may
// be twice as large; after one that was not as large as it might have been, they are
// of any size again.
func (s *Store) TransactionDone(ctx context.Context, server spec.ServerName, txnID string) error {
	err := s.write(ctx, func(t *tx) error {
		f, ok, err := t.inFlight(server, txnID)
		if err != nil || !ok || txnID == "" {
			return err // it is not in flight any more
		}
		_, err = t.confirmed(server, f)
		return err
	})
	if err != nil {
		return fmt.Errorf("finish the transaction: %w", err)
	}
	return nil
}

// confirmed ends the transaction in flight, and gives what the next ones are reduced
// to, 0 if they are not.
func (t *tx) confirmed(server spec.ServerName, f inFlight) (reduced int, err error) {
	edus, err := t.remove(server, f)
	if err != nil {
		return 0, err
	}
	if edus < f.maxEDUs || f.maxEDUs == 0 {
		_, err := t.exec(`DELETE FROM destinations WHERE server = ?`, string(server))
		return 0, err
	}
	if err := t.land(server); err != nil {
		return 0, err
	}
	_, err = t.exec(`UPDATE destinations SET failures = 0, retry_at = 0, last_error = '', max_edus = ? WHERE server = ?`,
		2*f.maxEDUs, string(server))
	return 2 * f.maxEDUs, err
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

// TransactionRefused counts that a server has refused the transaction in flight for
// what is in it. The same transaction is given again.
func (s *Store) TransactionRefused(ctx context.Context, server spec.ServerName, txnID string) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE destinations SET txn_refusals = txn_refusals + 1 WHERE server = ? AND txn_id = ?`,
			string(server), txnID)
		return err
	})
	if err != nil {
		return fmt.Errorf("count the refusal: %w", err)
	}
	return nil
}

// SplitTransaction takes a refused transaction back. The next, under an ID of its
// own, holds maxEDUs at most; what it leaves waits behind it.
//
// Should the server have taken the whole, its answer lost, and then have refused the
// repetition, it gets the same EDUs under another ID now. It can tell by their
// message_ids, as Chappe does.
func (s *Store) SplitTransaction(ctx context.Context, server spec.ServerName, txnID string, maxEDUs int) error {
	err := s.write(ctx, func(t *tx) error {
		split, err := t.exec(`UPDATE destinations SET max_edus = ? WHERE server = ? AND txn_id = ?`, maxEDUs, string(server), txnID)
		if err != nil || split == 0 {
			return err
		}
		return t.land(server)
	})
	if err != nil {
		return fmt.Errorf("split the transaction: %w", err)
	}
	return nil
}

// ForgetFailures ends the back-off of a server, which was heard of.
func (s *Store) ForgetFailures(ctx context.Context, server spec.ServerName) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE destinations SET failures = 0, retry_at = 0 WHERE server = ?`, string(server))
		return err
	})
	if err != nil {
		return fmt.Errorf("forget the failures: %w", err)
	}
	return nil
}
