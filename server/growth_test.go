package server

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
)

// A planner is SQLite, and asks it of each statement how it would go about it.
type planner struct {
	sqlite3.SQLiteDriver
	mu sync.Mutex
	// scans holds the statements that go through the whole of a table or index, by what
	// they go through.
	scans map[string]string // guarded by mu
	// statements counts those that were asked of.
	statements int // guarded by mu
}

func (p *planner) Open(name string) (driver.Conn, error) {
	conn, err := p.SQLiteDriver.Open(name)
	return &plannedConn{conn, p}, err
}

// forget forgets what it was asked so far.
func (p *planner) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scans, p.statements = make(map[string]string), 0
}

type plannedConn struct {
	driver.Conn
	planner *planner
}

func (c *plannedConn) Prepare(query string) (driver.Stmt, error) {
	if err := c.plan(query); err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	return c.Conn.Prepare(query)
}

// scanned is a line of a plan in which a table is gone through.
var scanned = regexp.MustCompile(`^SCAN (.+)$`)

func (c *plannedConn) plan(query string) (err error) {
	stmt, err := c.Conn.Prepare("EXPLAIN QUERY PLAN " + query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	//lint:ignore SA1019 the method without a context is the one that is wrapped here
	rows, err := stmt.Query(make([]driver.Value, stmt.NumInput()))
	if err != nil {
		return err
	}
	defer rows.Close()
	c.planner.mu.Lock()
	defer c.planner.mu.Unlock()
	c.planner.statements++
	for row := make([]driver.Value, len(rows.Columns())); rows.Next(row) == nil; {
		if found := scanned.FindStringSubmatch(fmt.Sprint(row[len(row)-1])); found != nil {
			c.planner.scans[found[1]] = query
		}
	}
	return nil
}

// mayBeRead is what may be gone through: what is small in any case, and indexes of nothing
// but what is looked for. The key is what a plan has behind SCAN.
var mayBeRead = map[string]string{
	"CONSTANT ROW":                      "no table",
	"this":                              "one row",
	"schema_migrations":                 "a row for each version",
	"server_keys":                       "other servers",
	"rtm_history_sizes":                 "a row for each app",
	"channel_attributes":                "channels that were there of late",
	"b USING INDEX key_backups_deleted": "what is to be removed",
	"key_backups USING INDEX key_backups_deleted":               "what is to be removed",
	"s USING INDEX rtm_sessions_standing":                       "sessions that stand",
	"remote_device_lists USING INDEX remote_device_lists_stale": "what is to be asked for",
	"d USING COVERING INDEX rtm_webhook_dead_given_up":          "bounded for each webhook",
	"servers": "servers for which something waits",
	"s":       "servers for which something waits",
	"edus":    "servers for which something waits",
	"lists":   "servers for which something waits",
	"e":       "servers for which something waits",
	"l":       "the same; and users of other servers, by a connection that does not write",
}

// What a server does by itself, from its start on, must not take longer the more devices
// and messages there are.
func TestNoTableThatGrowsIsReadWholeAtTheStartOrInASweep(t *testing.T) {
	p := &planner{scans: make(map[string]string)}
	sql.Register("planner", p)
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.ServerName, cfg.DataDir = "here.test", filepath.Join(t.TempDir(), "data")
		cfg.Client.Listen, cfg.Federation.Listen, cfg.Federation.GiveUpAfter = "", "", time.Hour
		log, _ := test.NewNullLogger()
		for start := range 2 {
			p.forget() // the first start makes the database
			s, err := NewIn(Environment{Driver: "planner"}, cfg, logrus.NewEntry(log))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			time.Sleep(2*sweepEvery + time.Minute)
			synctest.Wait()
			stop()
			if err := <-done; err != nil {
				t.Errorf("start %d: %v", start+1, err)
			}
		}
	})
	if p.statements < 20 {
		t.Errorf("%d statements were seen: the test is blind", p.statements)
	}
	for scan, query := range p.scans {
		if _, ok := mayBeRead[scan]; !ok {
			t.Errorf("all of %s is gone through by %s", scan, query)
		}
	}
}
