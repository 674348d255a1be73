package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func TestAVisitIsRememberedForThirtyDays(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Now: func() time.Time { return now }})
	ann := local("ann")
	was := func(want bool) {
		t.Helper()
		if got, err := s.WasInChannel(ctx, "app", ann, "room"); err != nil || got != want {
			t.Errorf("after %v: %t, %v", now, got, err)
		}
	}
	was(false)
	if err := s.NoteInChannel(ctx, "app", ann, "room"); err != nil {
		t.Fatal(err)
	}
	was(true)
	for _, other := range []struct{ app, user, channel string }{{"app2", "ann", "room"}, {"app", "bob", "room"}, {"app", "ann", "Room"}} {
		if got, err := s.WasInChannel(ctx, other.app, local(other.user), other.channel); got || err != nil {
			t.Errorf("%+v: %t, %v", other, got, err)
		}
	}
	now = now.Add(keepVisits - time.Millisecond)
	was(true)
	now = now.Add(time.Millisecond)
	was(false)
	if _, err := s.Sweep(ctx, now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "rtm_channel_visits"); n != 0 {
		t.Errorf("%d visits are left", n)
	}
}

func TestAVisitIsNotedAgainAfterADay(t *testing.T) {
	ctx := context.Background()
	start := time.UnixMilli(time.Now().UnixMilli())
	now := start
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Now: func() time.Time { return now }})
	for _, c := range []struct{ after, noted time.Duration }{{0, 0}, {renewVisits - time.Millisecond, 0}, {renewVisits, renewVisits}} {
		now = start.Add(c.after)
		if err := s.NoteInChannel(ctx, "app", local("ann"), "room"); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, s, fmt.Sprint("rtm_channel_visits WHERE at = ", start.Add(c.noted).UnixMilli())); n != 1 {
			t.Errorf("after %v it is not noted as of %v", c.after, c.noted)
		}
	}
}

func TestOfTooManyVisitsTheOldestAreForgotten(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Now: func() time.Time { return now }})
	for i := range maxVisits + 1 {
		now = now.Add(time.Second)
		if err := s.NoteInChannel(ctx, "app", local("ann"), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for channel, want := range map[string]bool{"0": false, "1": true, fmt.Sprint(maxVisits): true} {
		if got, err := s.WasInChannel(ctx, "app", local("ann"), channel); err != nil || got != want {
			t.Errorf("channel %s: %t, %v, want %t", channel, got, err, want)
		}
	}
}
