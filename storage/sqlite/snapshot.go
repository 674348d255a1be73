package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// A snapshot reads everything as it was at one moment, whatever is committed
// meanwhile.
type snapshot struct {
	store *Store
	from  querier
}

// A querier is what a snapshot reads from: a transaction of its own, or the one
// that is being written.
type querier interface {
	query(query string, args ...any) (*sql.Rows, error)
	queryRow(query string, args []any, into ...any) error
}

// snapshot calls read with the database as it is now.
func (s *Store) snapshot(ctx context.Context, read func(snapshot) error) error {
	r, err := s.snapshots.take(ctx)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			r.close() // the next one that reads opens another
		}
		s.snapshots.put(r)
	}()
	if err := r.begin(s.readers); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err = read(snapshot{store: s, from: r})
	ended = r.exec(`ROLLBACK`) == nil // it has changed nothing
	return err
}

// snapshot reads what the transaction has written so far.
func (t *tx) snapshot() snapshot { return snapshot{store: t.writer.store, from: t} }

func (r snapshot) query(query string, args ...any) (*sql.Rows, error) {
	return r.from.query(query, args...)
}

func (r snapshot) queryRow(query string, args []any, into ...any) error {
	return r.from.queryRow(query, args, into...)
}
