package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// A tx is the transaction of one group of writes.
type tx struct {
	writer *writer
	// head is the highest position given out, by this transaction or before it;
	// began is what it was at the beginning.
	head, began todevice.Position
	// changes counts the rows changed.
	changes int64
	// changed lists local users whose devices have something to hear besides messages,
	// perhaps repeatedly.
	changed []string
	// after is what to do once the transaction is committed, and only then.
	after []func()
}

// afterCommit has something done once the transaction is committed, before anyone
// is told of it.
func (t *tx) afterCommit(do func()) { t.after = append(t.after, do) }

// position gives out the next position.
func (t *tx) position() todevice.Position {
	t.head++
	return t.head
}

func (t *tx) finish() error {
	if t.head != t.began {
		if _, err := t.exec(`UPDATE this SET head = ?`, int64(t.head)); err != nil {
			return fmt.Errorf("advance the head: %w", err)
		}
	}
	// Before the commit: once a reader can see a position, nobody may take it for one
	// of the future. Should the commit fail, the next one gives out these positions.
	t.writer.store.head.Store(int64(t.head))
	if _, err := t.exec(`COMMIT`); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, do := range t.after {
		do()
	}
	if changed := t.writer.store.changed; changed != nil && len(t.changed) > 0 {
		changed(t.changed)
	}
	return nil
}

func (t *tx) abandon() error {
	_, err := t.exec(`ROLLBACK`)
	return err
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := t.writer.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := t.writer.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	t.writer.prepared[query] = stmt
	return stmt, nil
}

// exec changes rows and gives their number.
func (t *tx) exec(query string, args ...any) (rows int64, err error) {
	result, err := t.change(query, args)
	if err != nil {
		return 0, err
	}
	rows, err = result.RowsAffected()
	t.changes += rows
	return rows, err
}

// insert is exec for one row, and gives its rowid.
func (t *tx) insert(query string, args ...any) (id int64, err error) {
	result, err := t.change(query, args)
	if err != nil {
		return 0, err
	}
	t.changes++
	return result.LastInsertId()
}

func (t *tx) change(query string, args []any) (sql.Result, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args...)
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

func (t *tx) queryRow(query string, args []any, into ...any) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	return stmt.QueryRow(args...).Scan(into...)
}
