// Package sqlite keeps everything that must outlast the process in one SQLite
// file: accounts, devices, what waits for them and for other servers, and the
// memory of what was accepted.
//
// One connection writes, and commits what arrives together with one fsync (see
// [Store.write]); a pool of others reads. Times are Unix milliseconds.
package sqlite

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
	migrate "github.com/rubenv/sql-migrate"

	"github.com/chappe-im/chappe/todevice"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say what the store needs to know besides its file.
type Options struct {
	// ServerName is that of the database's owner. A database belongs to one server
	// for ever.
	ServerName spec.ServerName
	// MaxInboxRows and MaxInboxBytes bound what may wait for one device. 0 stands
	// for 100,000 rows and 256 MiB.
	MaxInboxRows  int
	MaxInboxBytes int64
	// MaxBackupKeys and MaxBackupBytes bound the key backups of one user together. 0
	// stands for 500,000 keys and 512 MiB.
	MaxBackupKeys  int64
	MaxBackupBytes int64
	// MaxDevices bounds the devices of one user, 0 stands for 1000.
	MaxDevices int
	// HistoryAge and HistoryBytes bound the history of each RTM app. 0 stands for 7 days
	// and 2 GiB.
	HistoryAge   time.Duration
	HistoryBytes int64
	// Waiting, if not nil, is told of servers for which device list updates wait, that
	// no batch has brought.
	Waiting func(servers []spec.ServerName)
	// Changed, if not nil, is told of the local users whose devices have something new
	// in /sync besides messages.
	Changed func(localparts []string)
	// Webhooks are those that are told of RTM events.
	Webhooks []todevice.RTMWebhook
	// RTMEvents, if not nil, is told of the RTM apps that have new events.
	RTMEvents func(apps []string)
	// RTMMessage, if not nil, tells whether an event for a local user is a message of an
	// RTM app that counts as one; of that it gives app, user and message ID.
	RTMMessage func(to todevice.UserID, event []byte) (todevice.RTMEvent, bool)
	// Now tells the time, time.Now if it is nil.
	Now func() time.Time
	// Driver is the name of the database/sql driver, "" for the real one. Tests
	// give one that fails.
	Driver string
}

// A Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	serverName spec.ServerName
	epoch      []byte
	limits     inboxSize
	backups    backupSize // of one user, at most
	maxDevices int        // of one user
	history    historyLimits
	waiting    func([]spec.ServerName)
	changed    func(localparts []string)
	webhooks   []todevice.RTMWebhook
	rtmEvents  func(apps []string)
	rtmMessage func(to todevice.UserID, event []byte) (todevice.RTMEvent, bool)
	now        func() time.Time
	writer     *sql.DB // one connection, used by the writer goroutine alone
	readers    *sql.DB
	snapshots  readerPool // of connections of readers
	statements statements
	sessions   *sessions
	arrivals   *arrivals
	bounds     *changeBounds
	keyCounts  *keyCountCache
	sightings  *sightings
	// head is the highest position given out: never below one that can be read.
	head atomic.Int64
	// othersWrote is true once another program has written to the file, until a sweep has
	// mended what that may have left.
	othersWrote atomic.Bool
	writes      chan *write
	close       sync.Once
	closing     chan struct{}
	closed      sync.WaitGroup // the writer goroutine
}

// Open opens the database in the named file, makes it if there is none, and
// brings its schema up to date.
func Open(path string, o Options) (*Store, error) {
	driver := o.Driver
	if driver == "" {
		driver = "sqlite3"
	}
	s := &Store{
		serverName: o.ServerName,
		limits:     inboxSize{rows: o.MaxInboxRows, bytes: o.MaxInboxBytes},
		backups:    backupSize{keys: o.MaxBackupKeys, bytes: o.MaxBackupBytes},
		maxDevices: o.MaxDevices,
		history:    historyLimits{age: o.HistoryAge, bytes: o.HistoryBytes},
		waiting:    o.Waiting,
		changed:    o.Changed,
		webhooks:   o.Webhooks,
		rtmEvents:  o.RTMEvents,
		rtmMessage: o.RTMMessage,
		now:        o.Now,
		sessions:   newSessions(),
		arrivals:   newArrivals(),
		bounds:     newChangeBounds(),
		keyCounts:  newKeyCountCache(),
		sightings:  newSightings(),
		writes:     make(chan *write, maxGroup),
		closing:    make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.limits.rows == 0 {
		s.limits.rows = 100_000
	}
	if s.limits.bytes == 0 {
		s.limits.bytes = 256 << 20
	}
	if s.maxDevices == 0 {
		s.maxDevices = 1000
	}
	if s.history.age == 0 {
		s.history.age = 7 * 24 * time.Hour
	}
	if s.history.bytes == 0 {
		s.history.bytes = 2 << 30
	}
	if s.backups.keys == 0 {
		s.backups.keys = 500_000
	}
	if s.backups.bytes == 0 {
		s.backups.bytes = 512 << 20
	}
	if err := s.open(driver, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), s.closeConnections())
	}
	s.closed.Add(1)
	go s.runWriter()
	return s, nil
}

func (s *Store) open(driver, path string) (err error) {
	if err := protect(path); err != nil {
		return err
	}
	// synchronous=FULL: a commit has reached the disk before it is answered.
	// mutex=no: database/sql sees to it that a connection is used by one goroutine at a time.
	const common = "_busy_timeout=10000&_foreign_keys=on&_synchronous=FULL&_mutex=no"
	file := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + common
	if s.writer, err = sql.Open(driver, file+"&_txlock=immediate&_journal_mode=WAL"); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.readers, err = sql.Open(driver, file+"&mode=ro&_query_only=on"); err != nil {
		return err
	}
	single, snapshots := 2*runtime.NumCPU(), 2*runtime.NumCPU()
	s.readers.SetMaxOpenConns(single + snapshots)
	s.readers.SetMaxIdleConns(single)
	s.snapshots = newReaderPool(snapshots)
	s.statements.db = s.readers
	if err := s.migrate(); err != nil {
		return err
	}
	return s.claim()
}

// protect makes the file readable by its owner alone: it holds password hashes
// and messages. SQLite gives its side files the same mode.
func protect(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// migrate applies the numbered files the database has not seen, each with the
// record of it in one transaction.
func (s *Store) migrate() error {
	set := migrate.MigrationSet{TableName: "schema_migrations"}
	source := migrate.EmbedFileSystemMigrationSource{FileSystem: migrations, Root: "migrations"}
	if _, err := set.Exec(s.writer, "sqlite3", source, migrate.Up); err != nil {
		return fmt.Errorf("update the schema (was the database made by a newer Chappe?): %w", err)
	}
	return nil
}

// claim makes the database this server's, or refuses one that is another's.
func (s *Store) claim() error {
	epoch := make([]byte, 16)
	if _, err := rand.Read(epoch); err != nil {
		return err
	}
	_, err := s.writer.Exec(`INSERT OR IGNORE INTO this (id, server_name, epoch, head) VALUES (1, ?, ?, 0)`,
		string(s.serverName), epoch)
	if err != nil {
		return err
	}
	var owner spec.ServerName
	var head int64
	err = s.readers.QueryRow(`SELECT server_name, epoch, head FROM this`).Scan(&owner, &s.epoch, &head)
	if err != nil {
		return err
	}
	if owner != s.serverName {
		return fmt.Errorf("it belongs to the server %q, not %q: a server's name cannot be changed", owner, s.serverName)
	}
	s.head.Store(head)
	return nil
}

// Close waits for the writes under way and closes the file. A second Close does
// nothing.
func (s *Store) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closing)
		s.closed.Wait()
		err = s.closeConnections()
	})
	return err
}

func (s *Store) closeConnections() error {
	var errs []error
	if s.snapshots != nil {
		s.snapshots.close()
	}
	for _, db := range []*sql.DB{s.readers, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Epoch is made at random with the database and never changes.
func (s *Store) Epoch() []byte { return bytes.Clone(s.epoch) }

// Head is the highest position that was given out. No message that can be read has
// a higher one.
func (s *Store) Head() todevice.Position { return todevice.Position(s.head.Load()) }
