package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

func rename(t testing.TB, s *Store, name string) {
	t.Helper()
	if err := s.RenameDevice(context.Background(), "alice", "A", name); err != nil {
		t.Fatal(err)
	}
}

func TestChangesOfADeviceWaitAsOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	register(t, s, "alice", "A")
	if err := s.NoteRemoteInterest(context.Background(), there, []string{"alice"}); err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		rename(t, s, fmt.Sprint(n))
	}
	first := s.Head()
	queue(t, s, there, `{"message":1}`)
	txn := next(t, s, there, 1<<20)
	want := []string{`{"message":1}`, fmt.Sprintf(`{"content":{"user_id":"@alice:here.test","device_id":"A","device_display_name":"999",`+
		`"stream_id":%d,"prev_id":[]},"edu_type":"m.device_list_update"}`, first)}
	if !slices.Equal(texts(txn), want) {
		t.Fatalf("got %q, want %q", texts(txn), want)
	}
	rename(t, s, "later")
	second := s.Head()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	if again := next(t, s, there, 1<<20); !reflect.DeepEqual(again, txn) {
		t.Errorf("after a restart the transaction is %q", texts(again))
	}
	done(t, s, txn)
	want = []string{fmt.Sprintf(`{"content":{"user_id":"@alice:here.test","device_id":"A","device_display_name":"later",`+
		`"stream_id":%d,"prev_id":[%d]},"edu_type":"m.device_list_update"}`, second, first)}
	if got := texts(next(t, s, there, 1<<20)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServerThatIsNotInterestedAnyMoreIsToldNothing(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	register(t, s, "alice", "A")
	if err := s.NoteRemoteInterest(ctx, there, []string{"alice"}); err != nil {
		t.Fatal(err)
	}
	rename(t, s, "Phone")
	if got, err := s.Destinations(ctx); err != nil || len(got) != 1 || got[0].Server != spec.ServerName(there) {
		t.Errorf("destinations %v, %v", got, err)
	}
	if _, err := s.Sweep(ctx, time.Now().Add(keepInterest+time.Hour)); err != nil {
		t.Fatal(err)
	}
	if txn := next(t, s, there, 1<<20); txn != nil {
		t.Errorf("told %q", texts(txn))
	}
	if n := rows(t, s, "device_list_outbox"); n != 0 {
		t.Errorf("%d changes wait", n)
	}
}
