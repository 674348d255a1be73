package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// statements prepares each query once for the pool of readers.
type statements struct {
	db       *sql.DB
	prepared sync.Map // query text -> *sql.Stmt
}

func (s *statements) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.prepared.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := s.db.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if other, loaded := s.prepared.LoadOrStore(query, stmt); loaded {
		_ = stmt.Close()
		return other.(*sql.Stmt), nil
	}
	return stmt, nil
}

// query reads. The driver would start a goroutine for each query whose context
// can end, to interrupt it; ours take microseconds, so they are let finish.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stmt, err := s.statements.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.WithoutCancel(ctx), args...)
}

// queryRow is query for one row.
func (s *Store) queryRow(ctx context.Context, query string, args []any, into ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stmt, err := s.statements.prepare(query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(context.WithoutCancel(ctx), args...).Scan(into...)
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, rows.Err()
}
