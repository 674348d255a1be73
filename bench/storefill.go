package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const storeEventType = "im.chappe.bench"

// A stock is a database with devices, and what is to be stored for them: so many messages
// from each sender, to receiver i modulo their number.
type stock struct {
	path               string
	codec              codec
	each               int
	senders, receivers []todevice.Device
}

// fillStore fills a database as it was told to and writes to standard output what it
// took.
func fillStore(ctx context.Context, o options) error {
	s, err := newStock(ctx, filepath.Join(o.dir, "chappe.db"), o.size, storeWriters, storedEach)
	if err != nil {
		return err
	}
	fill := s.accept
	if o.as == asSQLite {
		fill = s.insert
	}
	var f filling
	do := func() error {
		f, err = fill(ctx)
		return err
	}
	if o.profile != "" {
		err = profiled(o.profile, do)
	} else {
		err = do()
	}
	if err != nil {
		return err
	}
	if f.Verdict, err = s.check(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// newStock makes the database.
func newStock(ctx context.Context, path string, size, writers, each int) (*stock, error) {
	s := &stock{path: path, codec: newCodec(size), each: each}
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	s.senders, err = registerAll(ctx, store, people("s", writers, aloneServer))
	if err == nil {
		s.receivers, err = registerAll(ctx, store, people("r", storeInboxes, aloneServer))
	}
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, fmt.Errorf("make the devices: %w", err)
	}
	return s, nil
}

func (s *stock) open() (*sqlite.Store, error) {
	return sqlite.Open(s.path, sqlite.Options{ServerName: aloneServer})
}

// registerAll makes users with a device each.
func registerAll(ctx context.Context, store *sqlite.Store, all []person) ([]todevice.Device, error) {
	devices := make([]todevice.Device, len(all))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range all {
		group.Go(func() (err error) {
			devices[i], err = store.Register(ctx, todevice.Account{Localpart: p.localpart}, todevice.Login{DeviceID: p.device, Token: p.token()})
			return err
		})
	}
	return devices, group.Wait()
}

func (s *stock) receiver(sender int) todevice.Device { return s.receivers[sender%len(s.receivers)] }

func (s *stock) content(sender, seq int) []byte {
	return s.codec.append(nil, message{from: sender, seq: int64(seq)})
}

// requestName names the request that brings a message.
func requestName(seq int) string { return storeEventType + "\x00" + strconv.Itoa(seq) }

// measure measures what adds all messages.
func (s *stock) measure(do func() error) (f filling, err error) {
	before, err := ownCPU()
	if err != nil {
		return f, err
	}
	begin := time.Now()
	if err := do(); err != nil {
		return f, err
	}
	f.Elapsed = time.Since(begin)
	after, err := ownCPU()
	f.CPU, f.Rows = after-before, int64(rowsPerMessage*s.each*len(s.senders))
	return f, err
}

// accept has Chappe's store accept the messages, from all senders at once.
func (s *stock) accept(ctx context.Context) (filling, error) {
	store, err := s.open()
	if err != nil {
		return filling{}, err
	}
	f, err := s.measure(func() error {
		group, ctx := errgroup.WithContext(ctx)
		for sender := range s.senders {
			group.Go(func() error { return s.acceptFrom(ctx, store, sender) })
		}
		return group.Wait()
	})
	return f, errors.Join(err, store.Close())
}

func (s *stock) acceptFrom(ctx context.Context, store *sqlite.Store, sender int) error {
	from, to := s.senders[sender], s.receiver(sender)
	for seq := range s.each {
		_, err := store.Accept(ctx, todevice.Batch{
			Source: todevice.Source{Client: from.Inbox, Request: requestName(seq)},
			Sends: []todevice.Send{{
				Sender:   from.User,
				Type:     storeEventType,
				Messages: []todevice.Message{{To: to.User, Device: to.ID, Content: s.content(sender, seq)}},
			}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A storedRow is what a message leaves in the database.
type storedRow struct {
	from, to todevice.InboxID
	request  []byte
	event    []byte
}

// An inserter inserts the rows by statements alone.
type inserter struct {
	db                         *rawDB
	remember, deliver, advance *rawStmt
	at, position               int64
}

// insert inserts the same rows as accept.
func (s *stock) insert(context.Context) (filling, error) {
	db, err := openRaw(s.path)
	if err != nil {
		return filling{}, err
	}
	i := &inserter{db: db, at: time.Now().UnixMilli()}
	err = db.prepareAll(map[string]**rawStmt{
		`INSERT INTO client_requests (inbox, request, at) VALUES (?, ?, ?)`:            &i.remember,
		`INSERT INTO inboxes (inbox, position, event, expires) VALUES (?, ?, ?, NULL)`: &i.deliver,
		`UPDATE this SET head = ?`: &i.advance,
	})
	if err != nil {
		return filling{}, errors.Join(err, db.close())
	}
	rows := s.rows()
	f, err := s.measure(func() error {
		for group := range slices.Chunk(rows, maxCommit) {
			if err := db.inTransaction(func() error { return i.insert(group) }); err != nil {
				return err
			}
		}
		return nil
	})
	return f, errors.Join(err, db.close())
}

func (i *inserter) insert(rows []storedRow) error {
	for _, row := range rows {
		i.position++
		err := i.remember.exec(int64(row.from), row.request, i.at)
		if err == nil {
			err = i.deliver.exec(int64(row.to), i.position, row.event)
		}
		if err != nil {
			return err
		}
	}
	return i.advance.exec(i.position)
}

// rows are what all messages leave: the first of each sender, then the second, as they
// come where all send at once.
func (s *stock) rows() []storedRow {
	var rows []storedRow
	for seq := range s.each {
		key := sha256.Sum256([]byte(requestName(seq)))
		for sender, from := range s.senders {
			rows = append(rows, storedRow{
				from: from.Inbox, to: s.receiver(sender).Inbox, request: key[:16],
				event: todevice.EventJSON(from.User, storeEventType, s.content(sender, seq)),
			})
		}
	}
	return rows
}

// check reads whether every message is there, once, in order and where it belongs, and
// whether every request is remembered.
func (s *stock) check(ctx context.Context) (v verdict, err error) {
	db, err := sql.Open("sqlite3", s.path)
	if err != nil {
		return v, fmt.Errorf("look at what was stored: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for i, receiver := range s.receivers {
		var mine []int
		for sender := i; sender < len(s.senders); sender += len(s.receivers) {
			mine = append(mine, sender)
		}
		l := newLedger(mine...)
		if err := s.readInbox(ctx, db, receiver.Inbox, l); err != nil {
			return v, fmt.Errorf("look at what was stored: %w", err)
		}
		v = v.plus(l.close(func(int) int64 { return int64(s.each) }))
	}
	var requests int64
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM client_requests`).Scan(&requests); err != nil {
		return v, fmt.Errorf("look at what was stored: %w", err)
	}
	v.Lost += max(int64(s.each*len(s.senders))-requests, 0)
	return v, nil
}

func (s *stock) readInbox(ctx context.Context, db *sql.DB, inbox todevice.InboxID, l *ledger) error {
	rows, err := db.QueryContext(ctx, `SELECT event FROM inboxes WHERE inbox = ? ORDER BY position`, int64(inbox))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var event []byte
		if err := rows.Scan(&event); err != nil {
			return err
		}
		if err := s.codec.each(event, func(m message) { l.note(m) }); err != nil {
			return err
		}
	}
	return rows.Err()
}
