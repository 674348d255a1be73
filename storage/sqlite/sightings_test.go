package sqlite

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestSightingIsShownAtOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, path := t.Context(), filepath.Join(t.TempDir(), "chappe.db")
		s := open(t, path, Options{})
		bob := register(t, s, "bob", "B")
		register(t, s, "bob", "other")
		gone := register(t, s, "bob", "GONE")
		login := time.Now().Truncate(time.Millisecond)
		time.Sleep(time.Hour)
		want := func(s *Store, at time.Time, addr string) {
			t.Helper()
			devices, err := s.Devices(ctx, "bob")
			if err != nil || !devices[0].LastSeen.Equal(at) || devices[0].LastSeenIP != addr || !devices[1].LastSeen.Equal(login) {
				t.Errorf("got %+v, %v, want %v at %s", devices, err, at, addr)
			}
		}
		s.NoteSeen(bob.Inbox, "192.0.2.1")
		seen := time.Now().Truncate(time.Millisecond)
		want(s, seen, "192.0.2.1")
		s.NoteSeen(gone.Inbox, "192.0.2.9")
		if err := s.DeleteDevice(ctx, gone.Inbox); err != nil {
			t.Fatal(err)
		}
		if err := s.KeepSightings(ctx); err != nil || len(s.sightings.seen) > 0 {
			t.Errorf("%v; %d are still to be kept", err, len(s.sightings.seen))
		}
		want(s, seen, "192.0.2.1")
		time.Sleep(time.Minute)
		s.NoteSeen(bob.Inbox, "192.0.2.2")
		want(s, seen.Add(time.Minute), "192.0.2.2")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, path, Options{})
		want(again, seen, "192.0.2.1") // what was not kept is lost
		_ = again.Close()
	})
}

func TestSightingDuringTheKeepingIsNotForgotten(t *testing.T) {
	s := newSightings()
	s.seen[1], s.seen[2] = sighting{at: 1}, sighting{at: 5}
	s.drop([]todevice.InboxID{1, 2}, map[todevice.InboxID]sighting{1: {at: 1}, 2: {at: 1}})
	if _, ok := s.of(1); ok {
		t.Error("what was written down is remembered")
	}
	if _, ok := s.of(2); !ok {
		t.Error("what was seen meanwhile is forgotten")
	}
}

func TestLoginAfterASightingIsTheLaterOne(t *testing.T) {
	s, c := newTimedStore(t)
	ctx := t.Context()
	d := register(t, s, "bob", "B")
	s.NoteSeen(d.Inbox, "192.0.2.1")
	c.Time = c.Time.Add(time.Minute)
	if _, err := s.Login(ctx, "bob", todevice.Login{DeviceID: "B", Token: "new", RemoteAddr: "192.0.2.2"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := s.Devices(ctx, "bob"); err != nil || got[0].LastSeenIP != "192.0.2.2" || !got[0].LastSeen.Equal(c.Time) {
			t.Errorf("got %+v, %v, want 192.0.2.2 at %v", got, err, c.Time)
		}
		if err := s.KeepSightings(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
