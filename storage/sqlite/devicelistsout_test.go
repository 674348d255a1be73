package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
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

// Each server is told what there is at the time, in a chain of its own.
func TestEachServerIsToldOfKeysDeletionsAndSigningKeys(t *testing.T) {
	ctx := context.Background()
	var woken []spec.ServerName
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Waiting: func(servers []spec.ServerName) { woken = append(woken, servers...) }})
	a, b := register(t, s, "alice", "A"), register(t, s, "alice", "B")
	told := func(server spec.ServerName) []string {
		t.Helper()
		txn := next(t, s, server, 1<<20)
		if txn == nil {
			return nil
		}
		done(t, s, txn)
		return texts(txn)
	}
	check := func(server spec.ServerName, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = `{"content":{"user_id":"@alice:here.test",` + want[i]
		}
		if got := told(server); !slices.Equal(got, want) {
			t.Errorf("%s was told %q, want %q", server, got, want)
		}
	}
	note := func(server spec.ServerName) {
		t.Helper()
		if err := s.NoteRemoteInterest(ctx, server, []string{"alice"}); err != nil {
			t.Fatal(err)
		}
	}
	note("x.test")
	if woken != nil {
		t.Errorf("woken for nothing: %v", woken)
	}
	upload(t, s, a, todevice.KeyUpload{DeviceKeys: json.RawMessage(`{"k":1}`)})
	keys := s.Head()
	check("x.test", fmt.Sprintf(`"device_id":"A","stream_id":%d,"prev_id":[],"keys":{"k":1,"signatures":{}}},"edu_type":"m.device_list_update"}`, keys))

	note("y.test")
	if err := s.DeleteDevice(ctx, b.Inbox); err != nil {
		t.Fatal(err)
	}
	gone := s.Head()
	check("x.test", fmt.Sprintf(`"device_id":"B","stream_id":%d,"prev_id":[%d],"deleted":true},"edu_type":"m.device_list_update"}`, gone, keys))
	check("y.test", fmt.Sprintf(`"device_id":"B","stream_id":%d,"prev_id":[],"deleted":true},"edu_type":"m.device_list_update"}`, gone))

	set(t, s, a.User, todevice.CrossSigningKeys{
		Master: json.RawMessage(`{"keys":{"ed25519:m":"m"}}`), SelfSigning: json.RawMessage(`{"keys":{"ed25519:s":"s"}}`),
		UserSigning: json.RawMessage(`{"keys":{"ed25519:u":"u"}}`),
	})
	for _, server := range []spec.ServerName{"x.test", "y.test"} {
		check(server, `"master_key":{"keys":{"ed25519:m":"m"},"signatures":{}},"self_signing_key":{"keys":{"ed25519:s":"s"},"signatures":{}}},"edu_type":"m.signing_key_update"}`)
	}
	if want := []spec.ServerName{"x.test", "x.test", "y.test", "x.test", "y.test"}; !slices.Equal(woken, want) {
		t.Errorf("woken were %v, want %v", woken, want)
	}
}

func TestChangeThatFailsWakesNobody(t *testing.T) {
	driver := faultdb.Register()
	woken := 0
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Driver: driver.Name, Waiting: func([]spec.ServerName) { woken++ }})
	register(t, s, "alice", "A")
	if err := s.NoteRemoteInterest(context.Background(), there, []string{"alice"}); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for k := 1; ; k++ {
		driver.FailAt(k)
		err := s.RenameDevice(context.Background(), "alice", "A", fmt.Sprint(k))
		happened := driver.Failed()
		driver.FailAt(0)
		if !happened {
			break
		}
		if failed++; err == nil || woken != 0 {
			t.Fatalf("write %d failed: %v, woken %d times", k, err, woken)
		}
	}
	if failed < 4 || woken != 1 {
		t.Errorf("%d writes failed; woken %d times for the change that was kept, want once", failed, woken)
	}
}

func TestChangesThatConcernNobodyHideNoneBehindThem(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	register(t, s, "alice", "A")
	register(t, s, "bob", "B")
	if err := s.NoteRemoteInterest(ctx, there, []string{"alice"}); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		register(t, s, "alice", fmt.Sprint("D", i))
		if err := s.RenameDevice(ctx, "alice", fmt.Sprint("D", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Sweep(ctx, time.Now().Add(keepInterest+time.Hour)); err != nil { // away for a month
		t.Fatal(err)
	}
	if err := s.NoteRemoteInterest(ctx, there, []string{"bob"}); err != nil { // and back
		t.Fatal(err)
	}
	if err := s.RenameDevice(ctx, "bob", "B", "Phone"); err != nil {
		t.Fatal(err)
	}
	if txn := next(t, s, there, 1<<20); txn == nil {
		t.Errorf("nothing waits, says NextTransaction; but there are %d changes for the server", rows(t, s, "device_list_outbox"))
	}
}
