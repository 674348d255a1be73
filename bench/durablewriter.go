package main

import (
	"context"
	"errors"
	"fmt"
)

// A durableWriter is the one that writes for the durable floor. It belongs to the
// goroutine of run. A fault of the database ends what is measured, so there is no way
// back from one.
type durableWriter struct {
	db             *rawDB
	insert, remove *rawStmt
}

func newDurableWriter(path string) (*durableWriter, error) {
	db, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	w := &durableWriter{db: db}
	err = db.exec(`CREATE TABLE messages (box TEXT NOT NULL, position INTEGER NOT NULL, event BLOB NOT NULL,
		PRIMARY KEY (box, position)) WITHOUT ROWID`)
	if err == nil {
		err = db.prepareAll(map[string]**rawStmt{
			`INSERT INTO messages (box, position, event) VALUES (?, ?, ?)`: &w.insert,
			`DELETE FROM messages WHERE box = ? AND position <= ?`:         &w.remove,
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the floor's database: %w", err), db.close())
	}
	return w, nil
}

// run commits changes until ctx ends.
func (w *durableWriter) run(ctx context.Context, changes <-chan *change) {
	for {
		select {
		case first := <-changes:
			w.commit(gather(first, changes))
		case <-ctx.Done():
			return
		}
	}
}

// gather takes what waits already.
func gather(first *change, changes <-chan *change) []*change {
	group := []*change{first}
	for len(group) < maxCommit {
		select {
		case next := <-changes:
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// commit commits a group, and only then hands out its messages and answers.
func (w *durableWriter) commit(group []*change) {
	err := w.db.inTransaction(func() error {
		for _, c := range group {
			if err := w.apply(c); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range group {
		if err == nil && c.content != nil {
			c.box.add(c.content)
		}
		c.done <- err
	}
}

func (w *durableWriter) apply(c *change) error {
	if c.content == nil {
		return w.remove.exec(c.box.name, c.upTo)
	}
	c.box.stored++
	return w.insert.exec(c.box.name, c.box.stored, c.content)
}
