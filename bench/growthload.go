package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// rowsAtOnce is how many rows one statement of a bulk load has.
	rowsAtOnce = 100
	// sayEvery is how often a bulk load says how far it is.
	sayEvery = 3 * time.Second
	// settledFor is how long ago devices and acquaintances were made.
	settledFor = 48 * time.Hour
	// requestedBefore is how long ago the requests are that are still remembered.
	requestedBefore = 12 * time.Hour
	// loadedFrom is the sender whose number the messages that are loaded have.
	loadedFrom = 1 << 20
)

// A populace is the users of a server that has been there for a while. User i has one
// device, whose inbox is i+1, and had its messages from the next one.
type populace struct {
	server            spec.ServerName
	devices, messages int
	// hoard is how many of the messages wait for the first user alone; the others share
	// the rest.
	hoard int
	codec codec
}

// person is one of the users. Their names are in the order of their numbers.
func (p populace) person(i int) person {
	return person{localpart: fmt.Sprintf("g%07d", i), server: p.server, device: deviceID}
}

// waiting is how many messages wait for a user.
func (p populace) waiting(i int) int {
	if i == 0 {
		return p.hoard
	}
	return share(p.messages-p.hoard, i-1, p.devices-1)
}

// position is where a user's message stands: behind all devices, first those of the
// first user, then those of all others in turns.
func (p populace) position(i, seq int) int {
	if i == 0 {
		return p.devices + seq + 1
	}
	return p.devices + p.hoard + p.devices*seq + i + 1
}

// head is above all positions.
func (p populace) head() int { return p.position(1, p.messages/p.devices+1) }

// load makes the database of such a server. The rows are written as the store writes
// them, but many at once and without waiting for the disk until the end: what is written
// is what counts here, not how it came to be.
func (p populace) load(ctx context.Context, path string, say func(string, ...any)) (err error) {
	store, err := sqlite.Open(path, sqlite.Options{ServerName: p.server})
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	// Without its journal the file is worth nothing if this fails; then it is not used.
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+
		"?_journal_mode=OFF&_synchronous=OFF&_locking_mode=EXCLUSIVE&_cache_size=-400000")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	b := &bulk{db: db, say: say, said: time.Now()}
	if err = errors.Join(p.fill(ctx, b), db.Close()); err != nil {
		return fmt.Errorf("load the database: %w", err)
	}
	return syncFile(path)
}

// fill writes the tables one after the other, each in the order of its key.
func (p populace) fill(ctx context.Context, b *bulk) error {
	at := time.Now().Add(-settledFor).UnixMilli()
	for _, table := range []struct {
		name, columns string
		size          int
		rows          iter.Seq[[]any]
	}{
		{"users", "localpart, password_hash, admin, created", p.devices, p.each(func(i int) []any {
			return []any{p.person(i).localpart, "", 0, at}
		})},
		{"devices", "inbox, localpart, device_id, display_name, last_seen_ip, last_seen, created", p.devices, p.each(func(i int) []any {
			return []any{i + 1, p.person(i).localpart, deviceID, "", "127.0.0.1", at, at}
		})},
		{"access_tokens", "hash, inbox, created", p.devices, p.each(func(i int) []any {
			hash := sha256.Sum256([]byte(p.person(i).token()))
			return []any{hash[:], i + 1, at}
		})},
		{"device_changes", "localpart, device_id, position, deleted", p.devices, p.each(func(i int) []any {
			return []any{p.person(i).localpart, deviceID, i + 1, 0}
		})},
		{"interest", "user_id, localpart, at", 2 * p.devices, p.acquaintances(at)},
		{"inboxes", "inbox, position, event", p.messages, p.events()},
		{"client_requests", "inbox, request, at", p.messages, p.requests(time.Now().Add(-requestedBefore).UnixMilli())},
	} {
		if err := b.insert(ctx, table.name, table.columns, table.size, table.rows); err != nil {
			return fmt.Errorf("fill %s: %w", table.name, err)
		}
	}
	_, err := b.db.ExecContext(ctx, `UPDATE this SET head = ?`, p.head())
	return err
}

// each gives a row for each user.
func (p populace) each(row func(i int) []any) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := range p.devices {
			if !yield(row(i)) {
				return
			}
		}
	}
}

// acquaintances gives the interest of each user in the one before and the one behind.
func (p populace) acquaintances(at int64) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := range p.devices {
			for _, other := range []int{p.before(i), p.next(i)} {
				if other != i && !yield([]any{p.person(i).id(), p.person(other).localpart, at}) {
					return
				}
			}
		}
	}
}

func (p populace) next(i int) int   { return (i + 1) % p.devices }
func (p populace) before(i int) int { return (i + p.devices - 1) % p.devices }

// events gives what waits for each user.
func (p populace) events() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := range p.devices {
			sender := p.person(p.next(i)).userID()
			for seq := range p.waiting(i) {
				content := p.codec.append(nil, message{from: loadedFrom, seq: int64(seq)})
				if !yield([]any{i + 1, p.position(i, seq), todevice.EventJSON(sender, messageType, content)}) {
					return
				}
			}
		}
	}
}

// requests gives what is remembered of the requests that brought what waits.
func (p populace) requests(at int64) iter.Seq[[]any] {
	random := rand.NewChaCha8([32]byte{})
	return func(yield func([]any) bool) {
		for i := range p.devices {
			keys := make([][]byte, p.waiting(p.before(i)))
			for n := range keys {
				keys[n] = make([]byte, 16)
				_, _ = random.Read(keys[n]) // never fails
			}
			slices.SortFunc(keys, bytes.Compare)
			for _, key := range keys {
				if !yield([]any{i + 1, key, at}) {
					return
				}
			}
		}
	}
}

// A bulk load writes many rows at once.
type bulk struct {
	db   *sql.DB
	say  func(format string, args ...any)
	said time.Time
}

// insert writes so many rows of a table in one transaction.
func (b *bulk) insert(ctx context.Context, table, columns string, size int, rows iter.Seq[[]any]) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // fails when it is committed
	width := strings.Count(columns, ",") + 1
	row := "(?" + strings.Repeat(", ?", width-1) + ")"
	one := "INSERT INTO " + table + " (" + columns + ") VALUES " + row
	many, err := tx.PrepareContext(ctx, one+strings.Repeat(", "+row, rowsAtOnce-1))
	if err != nil {
		return err
	}
	done, args := 0, make([]any, 0, rowsAtOnce*width)
	for values := range rows {
		args = append(args, values...)
		if done++; len(args) < cap(args) {
			continue
		}
		if _, err := many.ExecContext(context.WithoutCancel(ctx), args...); err != nil {
			return err
		}
		args = args[:0]
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Since(b.said) > sayEvery {
			b.said = time.Now()
			b.say("  %s: %d of %d rows", table, done, size)
		}
	}
	if rest := len(args) / width; rest > 0 {
		if _, err := tx.ExecContext(ctx, one+strings.Repeat(", "+row, rest-1), args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// syncFile waits until a file is on the disk, so that nothing else waits for that later.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
