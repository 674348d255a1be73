package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// readerPool holds the connections that read snapshots. They are its own: to wait
// for another connection, as the statements of the pool of readers may, while holding
// one would let all wait for all.
type readerPool chan *reader

func newReaderPool(size int) readerPool {
	pool := make(readerPool, size)
	for range size {
		pool <- &reader{prepared: make(map[string]*sql.Stmt)}
	}
	return pool
}

// take gives a reader for its caller alone, until put.
func (p readerPool) take(ctx context.Context) (*reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r, open := <-p:
		if !open {
			return nil, errClosed
		}
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p readerPool) put(r *reader) { p <- r }

// close waits for the snapshots under way, and closes their connections.
func (p readerPool) close() {
	for range cap(p) {
		(<-p).close()
	}
	close(p)
}

// A reader is one connection and what is prepared on it. It is opened when it is first
// needed.
type reader struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// begin opens a transaction, within which all is read as it was at its first look.
func (r *reader) begin(db *sql.DB) (err error) {
	if r.conn == nil {
		if r.conn, err = db.Conn(context.Background()); err != nil {
			return err
		}
	}
	return r.exec(`BEGIN`)
}

func (r *reader) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := r.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := r.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	r.prepared[query] = stmt
	return stmt, nil
}

func (r *reader) exec(query string) error {
	stmt, err := r.prepare(query)
	if err == nil {
		_, err = stmt.Exec()
	}
	return err
}

func (r *reader) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := r.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

func (r *reader) queryRow(query string, args []any, into ...any) error {
	stmt, err := r.prepare(query)
	if err != nil {
		return err
	}
	return stmt.QueryRow(args...).Scan(into...)
}

func (r *reader) close() {
	for query, stmt := range r.prepared {
		_ = stmt.Close() // it has only read
		delete(r.prepared, query)
	}
	if r.conn != nil {
		discard(r.conn)
		r.conn = nil
	}
}
