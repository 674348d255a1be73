package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// More requests than one commit looks at, of several devices, with what is too old
// anywhere among them.
func TestSweepFindsOldRequestsWhereverTheyStand(t *testing.T) {
	s, driver := newFaultyStore(t)
	now := time.Now()
	keep := make(map[string]bool) // the keys of requests that are not too old
	old := 0
	var rows [][]any
	for d := range 3 {
		device := register(t, s, fmt.Sprint("u", d), "A")
		for n := range sweptRequests + 7 {
			at, key := now.Add(-keepRequests+time.Minute), requestKey(fmt.Sprint(n))
			if (n+d)%3 == 0 {
				at = now.Add(-keepRequests - time.Minute)
				old++
			} else {
				keep[fmt.Sprintf("%d/%X", device.Inbox, key)] = true
			}
			rows = append(rows, []any{device.Inbox, key, at.UnixMilli()})
		}
	}
	err := s.write(context.Background(), func(t *tx) error {
		for _, row := range rows {
			if _, err := t.exec(`INSERT INTO client_requests (inbox, request, at) VALUES (?, ?, ?)`, row...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before := driver.Commits()
	removed, err := s.Sweep(context.Background(), now)
	if err != nil || removed != int64(old) {
		t.Errorf("removed %d, %v; want %d", removed, err, old)
	}
	if commits := driver.Commits() - before; commits < 4 {
		t.Errorf("%d commits for %d rows: others waited for long", commits, old)
	}
	left, err := collectStrings(s, `SELECT inbox || '/' || hex(request) FROM client_requests`)
	if err != nil || len(left) != len(keep) {
		t.Errorf("left are %d, %v; want %d", len(left), err, len(keep))
	}
	for _, key := range left {
		if !keep[key] {
			t.Errorf("left is %s", key)
		}
	}
}

func TestASweepThatFindsNothingOldWritesNothing(t *testing.T) {
	s, driver := newFaultyStore(t)
	alice := register(t, s, "alice", "A")
	register(t, s, "bob", "B")
	for n := range 5 {
		accept(t, s, numbered(alice.Inbox, n))
	}
	before := driver.Writes()
	if removed, err := s.forgetRequests(context.Background(), time.Now().Add(-keepRequests)); removed != 0 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
	if writes := driver.Writes() - before; writes != 0 {
		t.Errorf("%d writes", writes)
	}
}
