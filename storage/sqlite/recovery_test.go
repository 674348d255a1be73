package sqlite

import (
	"errors"
	"runtime"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

// A commit can be read before all is told that follows it: a confirmation that comes in
// between must not be taken for one of nothing.
func TestConfirmationOfWhatIsCommittedButNotToldYetRemovesIt(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "bob", "1")
	batch := func(n int) todevice.Batch {
		return todevice.Batch{Sends: []todevice.Send{to(n, [2]string{"bob", "1"})}}
	}
	first := accept(t, s, batch(1)).Deliveries[0].Position
	if _, err := s.Confirm(t.Context(), d.Inbox, first); err != nil {
		t.Fatal(err)
	}
	confirmed := make(chan int, 1)
	err := s.write(t.Context(), func(tx *tx) error {
		tx.afterCommit(func() {
			events, _, err := s.Pending(t.Context(), d.Inbox, 0)
			if err != nil || len(events) != 1 {
				t.Errorf("%v are read (%v), want one", events, err)
				return
			}
			go func() {
				n, err := s.Confirm(t.Context(), d.Inbox, events[0].Position)
				if err != nil {
					t.Error(err)
				}
				confirmed <- n
			}()
			for len(s.writes) == 0 && len(confirmed) == 0 { // until it has made up its mind
				runtime.Gosched()
			}
		})
		_, err := tx.accept(batch(2))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-confirmed; n != 1 {
		t.Errorf("%d messages are confirmed, want 1", n)
	}
	if again, _, err := s.Pending(t.Context(), d.Inbox, 0); err != nil || len(again) != 0 {
		t.Errorf("it is handed out again: %v (%v)", again, err)
	}
}

func TestWriterGoesOnAfterARollbackThatFails(t *testing.T) {
	s := newStore(t)
	register(t, s, "bob", "1")
	disk := errors.New("the disk is gone")
	err := s.write(t.Context(), func(tx *tx) error {
		rollback, err := tx.prepare("ROLLBACK")
		if err != nil {
			return err
		}
		_ = rollback.Close() // so it fails
		if _, err := tx.exec(`UPDATE users SET created = 1`); err != nil {
			return err
		}
		return disk
	})
	if !errors.Is(err, disk) {
		t.Errorf("the write ends with %v", err)
	}
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "1"})}})
	if n := rows(t, s, "users WHERE created = 1"); n != 0 {
		t.Error("half a write is there")
	}
}

func TestReadersSeeTheLatestAfterOneThatPanicked(t *testing.T) {
	s := newStore(t)
	d := register(t, s, "bob", "1")
	for range cap(s.snapshots) {
		func() {
			defer func() { _ = recover() }() // as net/http does
			_ = s.snapshot(t.Context(), func(r snapshot) error {
				var n int
				if err := r.queryRow(`SELECT count(*) FROM inboxes`, nil, &n); err != nil {
					t.Error(err)
				}
				panic("a bug")
			})
		}()
	}
	for n := range 3 {
		want := accept(t, s, todevice.Batch{Sends: []todevice.Send{to(n, [2]string{"bob", "1"})}}).Deliveries[0].Position
		var got todevice.Position
		if err := s.queryRow(t.Context(), `SELECT coalesce(max(position), 0) FROM inboxes WHERE inbox = ?`, []any{d.Inbox}, &got); err != nil || got != want {
			t.Errorf("%d is committed, and %d read (%v)", want, got, err)
		}
		err := s.snapshot(t.Context(), func(r snapshot) error { return r.queryRow(`SELECT head FROM this`, nil, &got) })
		if err != nil || got != want {
			t.Errorf("%d is committed, and %d in a snapshot (%v)", want, got, err)
		}
	}
}
