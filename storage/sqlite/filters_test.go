package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestFilterIsFoundByItsUserAlone(t *testing.T) {
	ctx := context.Background()
	s, driver := newFaultyStore(t)
	register(t, s, "alice", "A")
	register(t, s, "bob", "B")
	const filter = `{"room":{"timeline":{"limit":20}}}`
	first, err := s.MakeFilter(ctx, "alice", json.RawMessage(filter))
	if err != nil {
		t.Fatal(err)
	}
	before := driver.Commits()
	again, err := s.MakeFilter(ctx, "alice", json.RawMessage(filter))
	if err != nil || again != first || driver.Commits() != before {
		t.Errorf("the same filter is %s, then %s, with %d commits (%v)", first, again, driver.Commits()-before, err)
	}
	if other, err := s.MakeFilter(ctx, "alice", json.RawMessage(`{}`)); err != nil || other == first {
		t.Errorf("another filter has the ID %s, too (%v)", other, err)
	}
	if got, err := s.Filter(ctx, "alice", first); err != nil || string(got) != filter {
		t.Errorf("got %s %v", got, err)
	}
	for _, q := range [][2]string{{"bob", first}, {"alice", "99"}, {"alice", "0" + first}, {"alice", "-1"}, {"alice", "x"}, {"alice", ""}} {
		if _, err := s.Filter(ctx, q[0], q[1]); !errors.Is(err, todevice.ErrNoData) {
			t.Errorf("%v: %v", q, err)
		}
	}
	if _, err := s.MakeFilter(ctx, "nobody", json.RawMessage(filter)); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestFiltersAreBounded(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "alice", "A")
	err := s.write(ctx, func(t *tx) error {
		for i := range maxFilters {
			if _, err := t.makeFilter("alice", fmt.Append(nil, i), json.RawMessage(`{}`)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.MakeFilter(ctx, "alice", json.RawMessage(`{}`)); !errors.Is(err, todevice.ErrTooMuchData) {
		t.Errorf("one more: %v", err)
	}
}
