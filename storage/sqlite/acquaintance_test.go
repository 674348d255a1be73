package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

const there = "there.test"

func user(localpart string, server spec.ServerName) todevice.UserID {
	return todevice.UserID{Localpart: localpart, Server: server}
}

// message gives a batch that brings a message from one user to another, as it is
// accepted where they are.
func message(from, to todevice.UserID) (b todevice.Batch) {
	switch {
	case to.Server == here:
		b.Sends = []todevice.Send{{Sender: from, Type: "t", Messages: []todevice.Message{{To: to, Device: "*", Content: []byte(`{}`)}}}}
	default:
		b.EDUs = []todevice.EDU{{Destination: to.Server, Sender: from, To: []todevice.UserID{to}, JSON: []byte(`{}`)}}
	}
	return b
}

// interests lists who is interested in whom: "localpart<user" of users here, and
// "server<localpart" of other servers.
func interests(t testing.TB, s *Store) string {
	t.Helper()
	list, err := collectStrings(s, `SELECT localpart || '<' || user_id FROM interest
		UNION ALL SELECT server || '<' || localpart FROM remote_interest ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

func TestMessagesMakeUsersAcquainted(t *testing.T) {
	alice, bob, far := user("alice", here), user("bob", here), user("far", there)
	for _, c := range []struct {
		name     string
		from, to todevice.UserID
		want     string
	}{
		{"local to local", alice, bob, "alice<@bob:here.test bob<@alice:here.test"},
		{"local to remote", alice, far, "alice<@far:there.test there.test<alice"},
		{"remote to local", far, alice, "alice<@far:there.test there.test<alice"},
		{"to oneself", alice, alice, ""},
		{"local to nobody", alice, user("nobody", here), ""},
		{"remote to nobody", far, user("nobody", here), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			register(t, s, "alice", "A")
			register(t, s, "bob", "B")
			for range 2 {
				accept(t, s, message(c.from, c.to))
				if got := interests(t, s); got != c.want {
					t.Errorf("interest %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestUserWhoIsMadeAfterTheFirstMessageIsAnAcquaintance(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	accept(t, s, message(user("alice", here), user("bob", here)))
	accept(t, s, message(user("far", there), user("bob", here)))
	register(t, s, "bob", "B")
	accept(t, s, message(user("alice", here), user("bob", here)))
	accept(t, s, message(user("far", there), user("bob", here)))
	want := "alice<@bob:here.test bob<@alice:here.test bob<@far:there.test there.test<bob"
	if got := interests(t, s); got != want {
		t.Errorf("interest %q, want %q", got, want)
	}
}

func TestAcquaintanceIsWrittenOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		register(t, s, "alice", "A")
		began := time.Now()
		written := func() (at int64) {
			if err := s.readers.QueryRow(`SELECT at FROM interest`).Scan(&at); err != nil {
				t.Fatal(err)
			}
			return at - began.UnixMilli()
		}
		for _, step := range []struct{ after, want time.Duration }{{0, 0}, {59 * time.Minute, 0}, {2 * time.Minute, 61 * time.Minute}} {
			time.Sleep(step.after)
			accept(t, s, message(user("alice", here), user("far", there)))
			if got := written(); got != step.want.Milliseconds() {
				t.Errorf("noted %d ms after the first message, want %v", got, step.want)
			}
		}
	})
}

// What is remembered of a transaction that failed would be believed to be on disk.
func TestFailedWriteIsNotRemembered(t *testing.T) {
	s, driver := newFaultyStore(t)
	register(t, s, "alice", "A")
	b := message(user("alice", here), user("far", there))
	for n := 1; ; n++ {
		if _, err := s.Sweep(context.Background(), time.Now().Add(keepInterest+time.Hour)); err != nil {
			t.Fatal(err)
		}
		s.forgetAcquaintances(t)
		driver.FailAt(n)
		_, err := s.Accept(context.Background(), b)
		if !driver.Failed() {
			driver.FailAt(0)
			break
		}
		if err == nil {
			t.Fatalf("write %d failed and nobody heard of it", n)
		}
		accept(t, s, b)
		if got, want := interests(t, s), "alice<@far:there.test there.test<alice"; got != want {
			t.Errorf("after write %d failed: interest %q, want %q", n, got, want)
		}
	}
}

// forgetAcquaintances has a write roll back, as only a failure does.
func (s *Store) forgetAcquaintances(t testing.TB) {
	t.Helper()
	if err := s.write(context.Background(), func(*tx) error { return faultdb.ErrFault }); err == nil {
		t.Fatal("the write did not fail")
	}
}

func TestInterestOfAUserCostsOneWriteAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, driver := newFaultyStore(t)
		register(t, s, "alice", "A")
		register(t, s, "bob", "B")
		in := []todevice.UserID{user("bob", here), user("far", there), user("alice", here), user("nobody", here)}
		for _, step := range []struct {
			after   time.Duration
			commits int64
		}{{0, 1}, {0, 0}, {59 * time.Minute, 0}, {time.Minute, 1}, {0, 0}} {
			time.Sleep(step.after)
			before := driver.Commits()
			if err := s.NoteInterest(context.Background(), "alice", in); err != nil {
				t.Fatal(err)
			}
			if got := driver.Commits() - before; got != step.commits {
				t.Errorf("%d commits, want %d", got, step.commits)
			}
		}
		if got, want := interests(t, s), "alice<@bob:here.test alice<@far:there.test"; got != want {
			t.Errorf("interest %q, want %q", got, want)
		}
	})
}

func TestOldInterestIsForgottenWithWhatItKept(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	register(t, s, "alice", "A")
	accept(t, s, message(user("alice", here), user("far", there)))
	accept(t, s, update("far", "D", 1))
	settle(t, s, "far", 1, device("far", "D", "k"))
	for _, step := range []struct {
		after time.Duration
		rows  int
	}{{keepInterest - time.Hour, 1}, {keepInterest + time.Hour, 0}} {
		if _, err := s.Sweep(ctx, time.Now().Add(step.after)); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"interest", "remote_interest", "remote_device_lists", "remote_devices"} {
			if got := rows(t, s, table); got != step.rows {
				t.Errorf("after %v: %d rows in %s, want %d", step.after, got, table, step.rows)
			}
		}
	}
}

func TestManyAcquaintancesAreAllNoted(t *testing.T) {
	s := newStore(t)
	register(t, s, "alice", "A")
	var want []string
	for i := range 300 {
		name := fmt.Sprintf("u%03d", i)
		accept(t, s, message(user("alice", here), user(name, there)))
		want = append(want, "alice<@"+name+":there.test")
	}
	if got := interests(t, s); got != strings.Join(slices.Concat(want, []string{"there.test<alice"}), " ") {
		t.Errorf("interest %.300q", got)
	}
}
