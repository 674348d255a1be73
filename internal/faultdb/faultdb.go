// Package faultdb is SQLite with faults: a database/sql driver whose n-th write
// fails as if the disk had, for tests of what is left then.
package faultdb

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrFault is what a write fails with.
var ErrFault = errors.New("faultdb: the disk failed")

// A Driver passes everything to SQLite, but for the writes it is told to fail.
// Only connections that can write count.
type Driver struct {
	// Name is what the driver is registered under.
	Name string
	sqlite3.SQLiteDriver
	// Committed, if not nil, is called after each COMMIT, before the caller learns of
	// it. It is set before the driver is used.
	Committed func()
	left      atomic.Int64 // writes until the one that fails; 0: none does
	commits   atomic.Int64
	writes    atomic.Int64
}

var registered atomic.Int64

// Register makes a driver and registers it under a name of its own.
func Register() *Driver {
	d := &Driver{Name: fmt.Sprintf("faultdb-%d", registered.Add(1))}
	sql.Register(d.Name, d)
	return d
}

// FailAt lets the n-th write from now on fail, once; 0 lets none fail. BEGIN and
// COMMIT count as writes, ROLLBACK does not.
func (d *Driver) FailAt(n int) { d.left.Store(int64(n)) }

// Failed tells whether the fault has happened since FailAt.
func (d *Driver) Failed() bool { return d.left.Load() <= 0 }

// Commits counts the transactions committed so far, Writes the statements that
// wrote, BEGIN and COMMIT among them.
func (d *Driver) Commits() int64 { return d.commits.Load() }

// Writes counts the statements that wrote, BEGIN and COMMIT among them.
func (d *Driver) Writes() int64 { return d.writes.Load() }

// Open implements driver.Driver.
func (d *Driver) Open(name string) (driver.Conn, error) {
	c, err := d.SQLiteDriver.Open(name)
	if err != nil || strings.Contains(name, "mode=ro") {
		return c, err
	}
	return &conn{Conn: c, driver: d}, nil
}

type conn struct {
	driver.Conn
	driver *Driver
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	s, err := c.Conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	return &stmt{Stmt: s, query: strings.ToUpper(strings.TrimSpace(query)), driver: c.driver}, nil
}

type stmt struct {
	driver.Stmt
	query  string
	driver *Driver
}

func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	if err := s.write(); err != nil {
		return nil, err
	}
	//lint:ignore SA1019 the method without a context is the one that is wrapped here
	result, err := s.Stmt.Exec(args)
	if err == nil && s.query == "COMMIT" {
		s.driver.commits.Add(1)
		if s.driver.Committed != nil {
			s.driver.Committed()
		}
	}
	return result, err
}

func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	if !strings.HasPrefix(s.query, "SELECT") && s.query != "PRAGMA DATA_VERSION" {
		if err := s.write(); err != nil {
			return nil, err
		}
	}
	//lint:ignore SA1019 see Exec
	return s.Stmt.Query(args)
}

// write counts a write, and fails it if it is the one.
func (s *stmt) write() error {
	if s.query == "ROLLBACK" {
		return nil
	}
	s.driver.writes.Add(1)
	if s.driver.left.Load() > 0 && s.driver.left.Add(-1) == 0 {
		return ErrFault
	}
	return nil
}
