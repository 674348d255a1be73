package sqlite

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestInterestOfAServerCostsOneWriteAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, driver := newFaultyStore(t)
		register(t, s, "alice", "A")
		note := func() int64 {
			before := driver.Commits()
			if err := s.NoteRemoteInterest(context.Background(), "there.test", []string{"alice", "nobody"}); err != nil {
				t.Fatal(err)
			}
			return driver.Commits() - before
		}
		for _, step := range []struct {
			after   time.Duration
			commits int64
		}{{0, 1}, {0, 0}, {59 * time.Minute, 0}, {time.Minute, 1}, {0, 0}} {
			time.Sleep(step.after)
			if got := note(); got != step.commits {
				t.Errorf("%d commits, want %d", got, step.commits)
			}
		}
		if n := rows(t, s, "remote_interest"); n != 1 {
			t.Errorf("%d rows, want that of alice", n)
		}
		if _, err := s.Sweep(context.Background(), time.Now().Add(keepInterest+time.Second)); err != nil || rows(t, s, "remote_interest") != 0 {
			t.Errorf("old interest is kept (%v)", err)
		}
	})
}
