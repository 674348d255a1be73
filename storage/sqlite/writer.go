package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"

	"github.com/chappe-im/chappe/todevice"
)

// maxGroup is how many writes one commit may hold.
const maxGroup = 512

var errClosed = errors.New("the database is closed")

// A write is one caller's change, waiting for its commit.
type write struct {
	// apply makes the change. It may be called again after a rollback, so it
	// leaves no trace but in the transaction.
	apply func(*tx) error
	done  chan error // buffered: gets exactly one answer
}

// write makes a change durable: it returns nil once the change is committed and
// fsynced. Changes that arrive while the disk is busy are committed together with
// one fsync, in the order of their arrival; one that fails fails alone.
func (s *Store) write(ctx context.Context, apply func(*tx) error) error {
	w := &write{apply: apply, done: make(chan error, 1)}
	if err := s.submit(ctx, w); err != nil {
		return err
	}
	select {
	case err := <-w.done: // waited for even if ctx ends: the caller must know what happened
		return err
	case <-s.closing:
	}
	s.closed.Wait() // the writer has answered all it will
	select {
	case err := <-w.done:
		return err
	default:
		return errClosed
	}
}

// submit hands a write to the writer goroutine.
func (s *Store) submit(ctx context.Context, w *write) error {
	select {
	case s.writes <- w: // there is room nearly always, and this costs less than what follows
		return nil
	default:
	}
	select {
	case s.writes <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
}

// runWriter is the one goroutine that writes.
func (s *Store) runWriter() {
	defer s.closed.Done()
	w := writer{store: s, prepared: make(map[string]*sql.Stmt)}
	defer w.end()
	for {
		select {
		case first := <-s.writes:
			w.commit(s.gather(first))
		case <-s.closing:
			return
		}
	}
}

// gather takes what waits already. It lets those go first who are about to write, as
// long as more come; where there is nobody, it does not wait.
func (s *Store) gather(first *write) []*write {
	group := []*write{first}
	for before := 0; len(group) > before && len(group) < maxGroup; {
		before = len(group)
		runtime.Gosched()
		group = s.drain(group)
	}
	return group
}

// drain adds what waits at this moment.
func (s *Store) drain(group []*write) []*write {
	for len(group) < maxGroup {
		select {
		case next := <-s.writes:
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// A writer belongs to the writer goroutine.
type writer struct {
	store         *Store
	conn          *sql.Conn
	prepared      map[string]*sql.Stmt
	backlog       backlog
	acquaintances acquaintances
	devices       knownDevices
	// version is SQLite's number of the state this connection has seen of what others
	// write, 0 for none.
	version int64
}

// commit answers every write of the group once the transaction that holds it has
// ended. If the transaction as a whole fails, each is tried once more alone, so
// that the fault of one does not become the fault of all.
func (w *writer) commit(group []*write) {
	errs, err := w.try(group)
	if err != nil && len(group) > 1 {
		for _, single := range group {
			w.commit([]*write{single})
		}
		return
	}
	for i, member := range group {
		if err != nil {
			member.done <- err
		} else {
			member.done <- errs[i]
		}
	}
}

// try applies the group in one transaction. A write that refuses before it has
// changed anything has its own error and leaves the others be; any other fault
// is that of the transaction.
func (w *writer) try(group []*write) (errs []error, err error) {
	t, err := w.begin()
	if err != nil {
		w.close()
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			w.rollback()
		}
	}()
	errs = make([]error, len(group))
	for i, member := range group {
		changes := t.changes
		if errs[i] = member.apply(t); errs[i] != nil && (t.changes != changes || !refusal(errs[i])) {
			return nil, errs[i]
		}
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	return errs, nil
}

// refusal tells whether an error is a word of the program's own. After any other,
// SQLite may have rolled the transaction back by itself.
func refusal(err error) bool {
	var conflict *todevice.KeyConflictError
	var wrongBackup *todevice.WrongBackupError
	if errors.As(err, &conflict) || errors.As(err, &wrongBackup) {
		return true
	}
	for _, own := range []error{
		todevice.ErrUnknownDevice, todevice.ErrInboxFull, todevice.ErrUnknownUser, todevice.ErrUserExists,
		todevice.ErrUserDeactivated, todevice.ErrUnknownToken, todevice.ErrRegistrationToken, todevice.ErrTokenExists,
		todevice.ErrTooMuchData, todevice.ErrKeysChanged, todevice.ErrTooManyKeys, todevice.ErrNameInUse,
		todevice.ErrUnknownBackup, todevice.ErrBackupFull, todevice.ErrBackupAlgorithm,
		todevice.ErrTooManyDevices, todevice.ErrKeyReused,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

func (w *writer) begin() (*tx, error) {
	if w.conn == nil {
		conn, err := w.store.writer.Conn(context.Background())
		if err != nil {
			return nil, err
		}
		w.conn = conn
	}
	t := &tx{writer: w}
	if _, err := t.exec(`BEGIN IMMEDIATE`); err != nil {
		return nil, err
	}
	if err := w.lookForOthers(t); err != nil {
		return nil, errors.Join(err, t.abandon())
	}
	var head int64
	if err := t.queryRow(`SELECT head FROM this`, nil, &head); err != nil {
		return nil, errors.Join(err, t.abandon())
	}
	t.head, t.began = todevice.Position(head), todevice.Position(head)
	t.changes = 0
	return t, nil
}

// lookForOthers forgets all that is remembered if another program has written to the
// file: an admin with a database tool, perhaps.
func (w *writer) lookForOthers(t *tx) error {
	var version int64
	if err := t.queryRow(`PRAGMA data_version`, nil, &version); err != nil {
		return err
	}
	if version == w.version {
		return nil
	}
	if w.version != 0 {
		w.store.othersWrote.Store(true)
	}
	w.store.forgetAll()
	w.forget()
	w.version = version
	return nil
}

// forgetAll empties what readers are told from memory.
func (s *Store) forgetAll() {
	s.sessions.forgetAll()
	s.arrivals.forgetAll()
	s.keyCounts.forgetAll()
	s.bounds.forgetAll()
}

// forget empties what is remembered between commits.
func (w *writer) forget() {
	w.backlog.forgetAll()
	w.acquaintances.forgetAll()
	w.devices.forgetAll()
}

// rollback undoes a failed transaction. What is remembered between commits
// may stem from it, and is forgotten.
func (w *writer) rollback() {
	w.forget()
	w.store.sessions.keep()
	if _, err := (&tx{writer: w}).exec(`ROLLBACK`); err != nil {
		w.close() // SQLite rolls some faults back by itself; a new connection is clean in any case
	}
}

// close drops the connection; the next write opens another.
func (w *writer) close() {
	w.closePrepared()
	if w.conn != nil {
		discard(w.conn)
		w.conn, w.version = nil, 0 // another connection counts anew
	}
}

// end gives the connection back. It is the last one that is closed, and may write: so
// SQLite brings all that is in its log into the file.
func (w *writer) end() {
	w.closePrepared()
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

func (w *writer) closePrepared() {
	for query, stmt := range w.prepared {
		_ = stmt.Close()
		delete(w.prepared, query)
	}
}

// discard closes a connection, which sql.Conn.Close would give back to the pool: it may
// have a transaction that could not be ended.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // what closes it
	_ = conn.Close()
}
