package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"

	"github.com/mattn/go-sqlite3"
)

// A rawDB is a connection to SQLite as directly as the driver has it, without
// database/sql, with the settings of Chappe's own. It belongs to one goroutine.
type rawDB struct {
	conn                    driver.Conn
	begin, commit, rollback *rawStmt
}

// A rawStmt is a prepared statement.
type rawStmt struct {
	stmt driver.StmtExecContext
	args []driver.NamedValue // used again for each execution
}

func openRaw(path string) (*rawDB, error) {
	const settings = "?_busy_timeout=10000&_foreign_keys=on&_synchronous=FULL&_journal_mode=WAL"
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + (&url.URL{Path: path}).EscapedPath() + settings)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db := &rawDB{conn: conn}
	err = db.prepareAll(map[string]**rawStmt{`BEGIN IMMEDIATE`: &db.begin, `COMMIT`: &db.commit, `ROLLBACK`: &db.rollback})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return db, nil
}

// prepareAll prepares statements by their text.
func (db *rawDB) prepareAll(into map[string]**rawStmt) error {
	for query, s := range into {
		stmt, err := db.conn.Prepare(query)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", query, err)
		}
		*s = &rawStmt{stmt: stmt.(driver.StmtExecContext)}
		for i := range stmt.NumInput() {
			(*s).args = append((*s).args, driver.NamedValue{Ordinal: i + 1})
		}
	}
	return nil
}

// exec runs a statement once.
func (db *rawDB) exec(query string) error {
	var s *rawStmt
	if err := db.prepareAll(map[string]**rawStmt{query: &s}); err != nil {
		return err
	}
	return s.exec()
}

// inTransaction commits what a function changes, with one fsync, or nothing of it.
func (db *rawDB) inTransaction(change func() error) error {
	if err := db.begin.exec(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := change()
	if err == nil {
		err = db.commit.exec()
	}
	if err != nil {
		return errors.Join(err, db.rollback.exec())
	}
	return nil
}

// close closes the file. The driver closes statements with it.
func (db *rawDB) close() error { return db.conn.Close() }

// exec takes as many values as the statement has parameters.
func (s *rawStmt) exec(values ...driver.Value) error {
	for i, value := range values {
		s.args[i].Value = value
	}
	// With a context that can end, the driver would start a goroutine for each.
	_, err := s.stmt.ExecContext(context.Background(), s.args)
	return err
}
