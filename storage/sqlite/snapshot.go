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
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := s.readers.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	return read(snapshot{store: s, from: reading{tx}})
}

// snapshot reads what the transaction has written so far.
func (t *tx) snapshot() snapshot { return snapshot{store: t.writer.store, from: t} }

func (r snapshot) query(query string, args ...any) (*sql.Rows, error) {
	return r.from.query(query, args...)
}

func (r snapshot) queryRow(query string, args []any, into ...any) error {
	return r.from.queryRow(query, args, into...)
}

// A reading is a transaction that only reads. It prepares anew: to wait for another
// connection, as the pool's statements may, while holding one would let all wait for
// all.
type reading struct{ tx *sql.Tx }

func (r reading) query(query string, args ...any) (*sql.Rows, error) {
	return r.tx.Query(query, args...)
}

func (r reading) queryRow(query string, args []any, into ...any) error {
	return r.tx.QueryRow(query, args...).Scan(into...)
}
