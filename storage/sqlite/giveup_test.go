package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// What has waited for too long is given up, whether a transaction of it is in flight
// or not; the rest goes out in order, and nothing of another server is touched.
func TestOnlyWhatWaitedTooLongIsGivenUp(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{ServerName: "here.test", Now: func() time.Time { return now }})
	put := func(server string, bodies ...string) {
		t.Helper()
		var b todevice.Batch
		for _, body := range bodies {
			b.EDUs = append(b.EDUs, todevice.EDU{Destination: spec.ServerName(server), JSON: []byte(body)})
		}
		if _, err := s.Accept(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	put("x.test", `{"n":1}`, `{"n":2}`)
	first, err := s.NextTransaction(ctx, "x.test", "", 100, 1<<20)
	if err != nil || len(first.EDUs) != 2 {
		t.Fatalf("%v, %v", first, err)
	}
	now = now.Add(24 * time.Hour)
	put("x.test", `{"n":3}`)
	put("y.test", `{"n":4}`)

	if given, err := s.GiveUpBefore(ctx, now.Add(-25*time.Hour)); err != nil || given != 0 {
		t.Errorf("%d given up a day too early, %v", given, err)
	}
	if again, err := s.NextTransaction(ctx, "x.test", "", 100, 1<<20); err != nil || again.ID != first.ID {
		t.Errorf("the transaction in flight became %v, %v", again, err)
	}
	if given, err := s.GiveUpBefore(ctx, now.Add(-time.Hour)); err != nil || given != 2 {
		t.Errorf("%d given up, want 2; %v", given, err)
	}
	next, err := s.NextTransaction(ctx, "x.test", "", 100, 1<<20)
	if err != nil || next.ID == first.ID || len(next.EDUs) != 1 || string(next.EDUs[0]) != `{"n":3}` {
		t.Errorf("then goes out %v, %v", next, err)
	}
	letters, err := s.DeadLetters(ctx, "x.test")
	if err != nil || letters.Count != 2 || letters.LastReason != expired {
		t.Errorf("dead letters: %v, %v", letters, err)
	}
	if letters, err := s.DeadLetters(ctx, "y.test"); err != nil || letters.Count != 0 {
		t.Errorf("dead letters of another server: %v, %v", letters, err)
	}
}
