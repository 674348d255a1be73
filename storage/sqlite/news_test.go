package sqlite

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestChangeBoundIsNeverTooLow(t *testing.T) {
	b := newChangeBounds()
	nothing, before := b.nothingAfter("alice", 10)
	if nothing {
		t.Error("an unknown user has no news")
	}
	// A change comes while somebody reads what was before it.
	b.raise("alice", 12)
	b.read("alice", 11, before)
	if nothing, _ := b.nothingAfter("alice", 11); nothing {
		t.Error("a read took back a change that came during it")
	}
	if nothing, _ := b.nothingAfter("alice", 12); !nothing {
		t.Error("news after everything was read")
	}
	// Everything is forgotten while somebody reads.
	_, before = b.nothingAfter("bob", 0)
	b.raise("bob", 13)
	for i := range maxBounds {
		b.raise(fmt.Sprint("user", i), 14)
	}
	b.read("bob", 12, before)
	if nothing, _ := b.nothingAfter("bob", 12); nothing {
		t.Error("what was read before everything was forgotten is believed after it")
	}
}

func TestKeyCountsReadBeforeAChangeAreNotRemembered(t *testing.T) {
	c := newKeyCountCache()
	_, _, before := c.find(1)
	c.forget(1)
	c.remember(1, todevice.KeyCounts{}, before)
	if _, ok, _ := c.find(1); ok {
		t.Error("an old count is remembered")
	}
}

// The user IDs of local users are taken apart in SQL: another server's name may end
// like this one's.
func TestNewsTellsLocalUsersFromOthers(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	for _, name := range []string{"alice", "bob", "b"} {
		register(t, s, name, "D")
	}
	for _, id := range []string{"@bob:" + here, "@bob:x" + here, "@b:" + here} {
		user, err := todevice.ParseUserID(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.NoteInterest(ctx, "alice", []todevice.UserID{user}); err != nil {
			t.Fatal(err)
		}
	}
	after := s.Head()
	if err := s.RenameDevice(ctx, "bob", "D", "Phone"); err != nil {
		t.Fatal(err)
	}
	news, err := s.News(ctx, "alice", after)
	if want := []string{"@bob:" + here}; err != nil || !reflect.DeepEqual(news.Changed, want) || news.UpTo != s.Head() {
		t.Errorf("got %+v, %v, want %v up to %d", news, err, want, s.Head())
	}
}

func TestNewsIsHeardThoughItsBoundWasForgottenBeforeTheCommit(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	register(t, s, "alice", "A")
	since := s.Head()
	err := s.write(ctx, func(t *tx) error {
		if err := t.replaceAccountData("alice", "m.x", nil, json.RawMessage(`{"new":1}`)); err != nil {
			return err
		}
		// others sync, or hear of a change, until all bounds are forgotten
		for i := range maxBounds {
			s.bounds.raise(fmt.Sprint("user", i), t.head)
		}
		// alice syncs before the commit
		_, err := s.News(ctx, "alice", since)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	news, err := s.News(ctx, "alice", since)
	if err != nil || len(news.AccountData) != 1 {
		t.Errorf("after the commit alice hears %+v, %v", news, err)
	}
	register(t, s, "bob", "B") // whatever comes later
	if news, _ := s.News(ctx, "alice", since); len(news.AccountData) != 1 {
		t.Errorf("later alice hears %+v", news)
	}
}
