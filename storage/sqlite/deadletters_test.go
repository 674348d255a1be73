package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestWhatIsGivenUpIsKeptForAMonth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	ctx := context.Background()
	queue(t, s, "x.test", `{"n":1}`, `{"n":2}`)
	queue(t, s, "y.test", `{"n":3}`)
	first, err := s.NextTransaction(ctx, "x.test", "", 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.GiveUpTransaction(ctx, "x.test", "another", "HTTP 400"); err != nil || rows(t, s, "dead_letters") != 0 {
		t.Errorf("another transaction was given up: %v, %d dead letters", err, rows(t, s, "dead_letters"))
	}
	for range 2 { // also if it was not heard that it was done
		if err := s.GiveUpTransaction(ctx, "x.test", first.ID, "HTTP 400 M_BAD_JSON"); err != nil {
			t.Fatal(err)
		}
	}
	if rows(t, s, "destinations") != 1 {
		t.Error("a server for which more waits is forgotten")
	}
	last := next(t, s, "y.test", 1000)
	if err := s.GiveUpTransaction(ctx, "y.test", last.ID, "HTTP 413"); err != nil || rows(t, s, "destinations") != 1 {
		t.Errorf("a server for which nothing waits is remembered: %v, %d destinations, want one", err, rows(t, s, "destinations"))
	}
	if second := next(t, s, "x.test", 1000); second.ID == first.ID || len(second.EDUs) != 1 || string(second.EDUs[0]) != `{"n":2}` {
		t.Errorf("the next transaction is %+v", second)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	letters, err := s.DeadLetters(ctx, "x.test")
	if err != nil || letters.Count != 1 || letters.LastReason != "HTTP 400 M_BAD_JSON" || time.Since(letters.Oldest) > time.Minute {
		t.Errorf("the dead letters are %+v, %v", letters, err)
	}
	if letters, err := s.DeadLetters(ctx, "z.test"); err != nil || letters != (todevice.DeadLetters{}) {
		t.Errorf("another server has %+v, %v", letters, err)
	}
	for _, c := range []struct{ days, left int }{{29, 2}, {31, 0}} {
		if _, err := s.Sweep(ctx, time.Now().AddDate(0, 0, c.days)); err != nil {
			t.Fatal(err)
		}
		if got := rows(t, s, "dead_letters"); got != c.left || rows(t, s, "outbox") != 1 {
			t.Errorf("after %d days %d dead letters and %d EDUs, want %d and 1", c.days, got, rows(t, s, "outbox"), c.left)
		}
	}
}
