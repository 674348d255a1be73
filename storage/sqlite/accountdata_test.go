package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

// changedData lists what account data a user set after a position, "type content".
func changedData(t testing.TB, s *Store, localpart string, after todevice.Position) []string {
	t.Helper()
	list := []string{}
	err := s.snapshot(context.Background(), func(r snapshot) error {
		all, err := r.accountData(localpart, after)
		for _, data := range all {
			list = append(list, data.Type+" "+string(data.Content))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// newTellingStore gives a store that lists in told the users it was to wake.
func newTellingStore(t *testing.T) (s *Store, driver *faultdb.Driver, told *[]string) {
	driver, told = faultdb.Register(), new([]string)
	s = open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{
		Driver: driver.Name, Changed: func(localparts []string) { *told = append(*told, localparts...) },
	})
	return s, driver, told
}

func TestAccountDataIsToldOncePerChange(t *testing.T) {
	ctx := context.Background()
	s, _, told := newTellingStore(t)
	register(t, s, "alice", "A")
	register(t, s, "bob", "B")
	*told = nil
	set := func(localpart, dataType, content string) {
		t.Helper()
		if err := s.SetAccountData(ctx, localpart, dataType, json.RawMessage(content)); err != nil {
			t.Fatal(err)
		}
	}
	set("alice", "m.one", `{"n":1}`)
	set("alice", "m.two", `{}`)
	set("bob", "m.one", `{"bob":1}`)
	if got := changedData(t, s, "alice", 0); !slices.Equal(got, []string{`m.one {"n":1}`, `m.two {}`}) {
		t.Errorf("got %q", got)
	}
	before := s.Head()
	set("alice", "m.one", `{"n":1}`)
	if got := changedData(t, s, "alice", before); len(got) > 0 || s.Head() != before {
		t.Errorf("the same content is told as a change: %q", got)
	}
	set("alice", "m.one", `{"n":2}`)
	if got := changedData(t, s, "alice", before); !slices.Equal(got, []string{`m.one {"n":2}`}) {
		t.Errorf("got %q", got)
	}
	if want := []string{"alice", "alice", "bob", "alice"}; !slices.Equal(*told, want) {
		t.Errorf("woken: %v, want %v", *told, want)
	}
	if got, err := s.AccountData(ctx, "alice", "m.one"); err != nil || string(got) != `{"n":2}` {
		t.Errorf("got %s %v", got, err)
	}
	if _, err := s.AccountData(ctx, "alice", "m.three"); !errors.Is(err, todevice.ErrNoData) {
		t.Errorf("missing: %v", err)
	}
	if err := s.SetAccountData(ctx, "nobody", "m.one", json.RawMessage(`{}`)); !errors.Is(err, todevice.ErrUnknownUser) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestAccountDataThatChangedMeanwhileIsNotSwapped(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "alice", "A")
	for _, step := range []struct {
		old, content string
		swapped      bool
	}{
		{`{"n":0}`, `{"n":1}`, false},
		{``, `{"n":1}`, true},
		{``, `{"n":2}`, false},
		{`{"n":2}`, `{"n":3}`, false},
		{`{"n":1}`, `{"n":3}`, true},
	} {
		var old json.RawMessage
		if step.old != "" {
			old = json.RawMessage(step.old)
		}
		swapped, err := s.SwapAccountData(ctx, "alice", "m.x", old, json.RawMessage(step.content))
		if err != nil || swapped != step.swapped {
			t.Errorf("%s for %q: %t %v", step.content, step.old, swapped, err)
		}
	}
	if got, err := s.AccountData(ctx, "alice", "m.x"); err != nil || string(got) != `{"n":3}` {
		t.Errorf("got %s %v", got, err)
	}
}

func TestAccountDataIsBounded(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	register(t, s, "alice", "A")
	err := s.write(ctx, func(t *tx) error {
		for i := range maxAccountData {
			if err := t.replaceAccountData("alice", fmt.Sprint("m.", i), nil, json.RawMessage(`{}`)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetAccountData(ctx, "alice", "m.more", json.RawMessage(`{}`)); !errors.Is(err, todevice.ErrTooMuchData) {
		t.Errorf("one more: %v", err)
	}
	if err := s.SetAccountData(ctx, "alice", "m.0", json.RawMessage(`{"n":1}`)); err != nil {
		t.Errorf("another content of one that is there: %v", err)
	}
}

func TestSettingsOfADeviceGoWithIt(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	phone := register(t, s, "alice", "PHONE")
	register(t, s, "alice", "DESK")
	for _, id := range []string{"PHONE", "DESK"} {
		if err := s.SetAccountData(ctx, "alice", deviceDataPrefix+id, json.RawMessage(`{"is_silenced":true}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteDevice(ctx, phone.Inbox); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AccountData(ctx, "alice", deviceDataPrefix+"PHONE"); !errors.Is(err, todevice.ErrNoData) {
		t.Errorf("the settings of the deleted device: %v", err)
	}
	if _, err := s.AccountData(ctx, "alice", deviceDataPrefix+"DESK"); err != nil {
		t.Errorf("those of the other: %v", err)
	}
	// A request that was under way while the device was deleted.
	err := s.SetAccountData(ctx, "alice", deviceDataPrefix+"PHONE", json.RawMessage(`{}`))
	if !errors.Is(err, todevice.ErrUnknownDevice) {
		t.Errorf("set again: %v", err)
	}
}
