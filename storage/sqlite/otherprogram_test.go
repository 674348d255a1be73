package sqlite

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// otherProgram is an admin with a database tool, beside a store.
func otherProgram(t *testing.T, path, query string) {
	t.Helper()
	other, err := sql.Open("sqlite3", "file:"+path+"?_foreign_keys=on&_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Exec(query); err != nil {
		t.Fatal(err)
	}
}

// What another program has written is seen by the next transaction.
func TestDeviceThatAnotherProgramDeletedGetsNoMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	register(t, s, "bob", "1")
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "1"})}})
	otherProgram(t, path, `DELETE FROM devices`)
	if got := accept(t, s, todevice.Batch{Sends: []todevice.Send{to(2, [2]string{"bob", "1"})}}); got.Skipped.UnknownDevices != 1 {
		t.Errorf("accepted %+v, want one unknown device", got)
	}
}

// What readers are told from memory is forgotten with the next commit.
func TestDeviceThatAnotherProgramDeletedIsNotRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	d := register(t, s, "bob", "1")
	if _, err := s.Session(t.Context(), "bob/1"); err != nil {
		t.Fatal(err)
	}
	at := s.Head()
	if _, _, err := s.Pending(t.Context(), d.Inbox, at); err != nil { // remembered from here on
		t.Fatal(err)
	}
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "1"})}})
	otherProgram(t, path, `DELETE FROM devices`)
	register(t, s, "carl", "1")
	if _, err := s.Session(t.Context(), "bob/1"); err == nil {
		t.Error("its token still works")
	}
	if events, _, err := s.Pending(t.Context(), d.Inbox, at); err != nil || len(events) != 0 {
		t.Errorf("it is given %v (%v)", events, err)
	}
}

func TestBodiesDoNotOutlastThoseWhoWaitEvenIfAnotherProgramDeletesThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	register(t, s, "bob", "1")
	second := register(t, s, "bob", "2")
	p := accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "*"})}}).Deliveries[0].Position
	otherProgram(t, path, `DELETE FROM devices WHERE device_id = '1'`)
	register(t, s, "carl", "1")
	sweep := func() {
		t.Helper()
		if _, err := s.Sweep(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if n := rows(t, s, "broadcasts"); n != 1 {
		t.Fatalf("%d bodies are there while one device waits", n)
	}
	if _, err := s.Confirm(t.Context(), second.Inbox, p); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "broadcasts"); n != 0 {
		t.Errorf("%d bodies are left that nobody waits for", n)
	}

	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(2, [2]string{"bob", "*"})}})
	otherProgram(t, path, `DELETE FROM inboxes`)
	register(t, s, "dora", "1")
	sweep()
	if n := rows(t, s, "broadcasts"); n != 0 {
		t.Errorf("after a sweep %d bodies are left that nobody waits for", n)
	}
}

// The same before this process has written anything.
func TestDeviceThatAnotherProgramDeletedBeforeTheFirstWriteIsNotRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	register(t, s, "bob", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if _, err := s.Session(t.Context(), "bob/1"); err != nil {
		t.Fatal(err)
	}
	otherProgram(t, path, `DELETE FROM devices`)
	register(t, s, "carl", "1")
	if _, err := s.Session(t.Context(), "bob/1"); err == nil {
		t.Error("its token still works")
	}
}

// Who stops the server and copies the one file has all of it.
func TestTheFileIsWholeAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	register(t, s, "alice", "A")
	if _, err := s.UserDevices(t.Context(), "alice"); err != nil { // by a reader
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if wal, err := os.Stat(path + "-wal"); err == nil {
		t.Errorf("%d bytes are in the log only", wal.Size())
	}
}
