package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

// latest is a batch of one message of the class KeepLatest.
func latest(number int, recipients ...[2]string) todevice.Batch {
	send := to(number, recipients...)
	for i := range send.Messages {
		send.Messages[i].Class = todevice.KeepLatest
	}
	return todevice.Batch{Sends: []todevice.Send{send}}
}

// contents are those of the numbered messages from first to last.
func contents(first, last int) (all []string) {
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprintf(`{"n":%d}`, n))
	}
	return all
}

// A clock is the time of a store, moved by its test.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func (c *clock) pass(d time.Duration) { c.Time = c.Add(d) }

// newTimedStore gives a store whose time stands still.
func newTimedStore(t testing.TB) (*Store, *clock) {
	c := &clock{time.UnixMilli(1_700_000_000_000)}
	return open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Now: c.now}), c
}

// expire removes all whose time is over.
func expire(t testing.TB, s *Store) (all []todevice.Dropped) {
	t.Helper()
	for {
		dropped, err := s.ExpireMessages(context.Background(), s.now())
		if err != nil {
			t.Fatal(err)
		}
		if len(dropped) == 0 {
			return all
		}
		if len(dropped) > expireRows {
			t.Fatalf("one commit removed %d messages", len(dropped))
		}
		all = append(all, dropped...)
	}
}

// sizes gives the size of an inbox as it is remembered, and as it is.
func sizes(t testing.TB, s *Store, inbox todevice.InboxID) (remembered, counted inboxSize) {
	t.Helper()
	err := s.write(context.Background(), func(tx *tx) (err error) {
		if remembered, err = tx.inboxSize(inbox); err != nil {
			return err
		}
		tx.writer.backlog.forget(inbox)
		counted, err = tx.inboxSize(inbox)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return remembered, counted
}

// checkBacklog fails the test unless what is remembered of an inbox's size is so.
func checkBacklog(t testing.TB, s *Store, inbox todevice.InboxID) {
	t.Helper()
	if remembered, counted := sizes(t, s, inbox); remembered != counted {
		t.Errorf("the inbox is remembered with %+v, and has %+v", remembered, counted)
	}
}

func TestTheLatest200OfAllSendersAreKeptAndTheOldestTold(t *testing.T) {
	s := newStore(t)
	bob, carol := register(t, s, "bob", "B"), register(t, s, "carol", "C")
	for n := 1; n <= 203; n++ {
		batch := latest(n, [2]string{"bob", "B"})
		batch.Sends[0].Sender.Localpart = fmt.Sprint("sender", n%3)
		evicted := accept(t, s, batch).Evicted
		if n <= 200 {
			if len(evicted) != 0 {
				t.Fatalf("message %d evicted %v", n, evicted)
			}
			continue
		}
		want := todevice.EventJSON(todevice.UserID{Localpart: fmt.Sprint("sender", (n-200)%3), Server: here}, "t", fmt.Appendf(nil, `{"n":%d}`, n-200))
		if len(evicted) != 1 || evicted[0].To != bob.User || string(evicted[0].Event) != string(want) {
			t.Fatalf("message %d evicted %v, want %s", n, evicted, want)
		}
		if got := waiting(t, s, bob); !slices.Equal(got, contents(n-199, n)) {
			t.Fatalf("after message %d there are %d waiting: %v", n, len(got), got)
		}
		checkBacklog(t, s, bob.Inbox)
	}
	accept(t, s, latest(1, [2]string{"carol", "C"}))
	if got := waiting(t, s, carol); len(got) != 1 {
		t.Errorf("another inbox has %v", got)
	}
}

// End-to-end keys must never go for a chat.
func TestMessagesKeptUntilConfirmedAreNeitherCountedNorEvictedNorExpired(t *testing.T) {
	s, clock := newTimedStore(t)
	bob := register(t, s, "bob", "B")
	ordinary := func(n int, class todevice.Class) {
		send := to(n, [2]string{"bob", "B"})
		send.Messages[0].Class = class
		accept(t, s, todevice.Batch{Sends: []todevice.Send{send}})
	}
	for n := 1; n <= 150; n++ {
		ordinary(n, todevice.KeepConfirmed)
		ordinary(n+150, todevice.OnlineOnly)
	}
	for n := 1001; n <= 1201; n++ {
		if evicted := accept(t, s, latest(n, [2]string{"bob", "B"})).Evicted; (len(evicted) > 0) != (n == 1201) {
			t.Fatalf("message %d evicted %d", n, len(evicted))
		}
	}
	ordinary(301, todevice.KeepConfirmed)
	got := waiting(t, s, bob)
	if len(got) != 501 || !slices.Equal(got[300:], append(contents(1002, 1201), contents(301, 301)...)) {
		t.Errorf("%d wait, want 301 and the latest 200: %v", len(got), got)
	}
	clock.pass(keepLatestFor)
	if dropped := expire(t, s); len(dropped) != 200 {
		t.Errorf("%d expired, want 200", len(dropped))
	}
	if got := waiting(t, s, bob); len(got) != 301 || slices.ContainsFunc(got, func(c string) bool { return strings.HasPrefix(c, `{"n":1`) && len(c) > 9 }) {
		t.Errorf("%d wait, want the 301 that have no time", len(got))
	}
	checkBacklog(t, s, bob.Inbox)
}

func TestALatestMessageIsKeptForSevenDays(t *testing.T) {
	for _, sweptInTime := range []bool{true, false} {
		s, clock := newTimedStore(t)
		bob := register(t, s, "bob", "B")
		register(t, s, "bob", "B2")
		accept(t, s, latest(1, [2]string{"bob", "B"}))
		accept(t, s, latest(2, [2]string{"bob", "*"}))
		for _, c := range []struct {
			pass time.Duration
			want []string
		}{{7*24*time.Hour - time.Millisecond, contents(1, 2)}, {2 * time.Millisecond, nil}} {
			clock.pass(c.pass)
			if sweptInTime {
				if dropped := expire(t, s); len(dropped) != 3*(2-len(c.want))/2 {
					t.Errorf("%v later %d are dropped", c.pass, len(dropped))
				}
			}
			if got := waiting(t, s, bob); !slices.Equal(got, c.want) {
				t.Errorf("%v later there wait %v, want %v (swept: %t)", c.pass, got, c.want, sweptInTime)
			}
		}
		dropped := expire(t, s)
		if !sweptInTime && (len(dropped) != 3 || dropped[0].To != bob.User || !strings.Contains(string(dropped[0].Event), `{"n":1}`) ||
			!strings.Contains(string(dropped[2].Event), `{"n":2}`)) {
			t.Errorf("dropped are %v", dropped)
		}
		if n := rows(t, s, "inboxes") + rows(t, s, "broadcasts"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		checkBacklog(t, s, bob.Inbox)
	}
}

// Time goes on while nobody runs the server.
func TestLatestMessagesAndTheirTimeOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	c := &clock{time.UnixMilli(1_700_000_000_000)}
	s := open(t, path, Options{Now: c.now})
	bob := register(t, s, "bob", "B")
	again := func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, Options{Now: c.now})
	}
	for n := 1; n <= 200; n++ {
		accept(t, s, latest(n, [2]string{"bob", "B"}))
	}
	again()
	accept(t, s, latest(201, [2]string{"bob", "B"}))
	if got := waiting(t, s, bob); !slices.Equal(got, contents(2, 201)) {
		t.Errorf("waiting after a restart: %v", got)
	}
	c.pass(keepLatestFor)
	again()
	if got := waiting(t, s, bob); len(got) != 0 {
		t.Errorf("after a restart and seven days there wait %v", got)
	}
	if dropped := expire(t, s); len(dropped) != 200 {
		t.Errorf("%d expired, want 200", len(dropped))
	}
}

// A broadcast's body is no part of an inbox, and goes with the last reference to it.
func TestABroadcastIsEvictedFromOneInboxAndStaysInTheOther(t *testing.T) {
	s := newStore(t)
	full, other := register(t, s, "bob", "FULL"), register(t, s, "bob", "OTHER")
	accept(t, s, latest(0, [2]string{"bob", "*"}))
	for n := 1; n <= 200; n++ {
		accept(t, s, latest(n, [2]string{"bob", "FULL"}))
	}
	if got := waiting(t, s, full); !slices.Equal(got, contents(1, 200)) {
		t.Errorf("the full inbox has %v", got)
	}
	if got := waiting(t, s, other); !slices.Equal(got, contents(0, 0)) {
		t.Errorf("the other inbox has %v", got)
	}
	for n := 201; n <= 400; n++ {
		if evicted := accept(t, s, latest(n, [2]string{"bob", "*"})).Evicted; len(evicted) == 0 || !strings.Contains(string(evicted[0].Event), fmt.Sprint(n-200)) {
			t.Fatalf("message %d evicted %v", n, evicted)
		}
	}
	if got := rows(t, s, "broadcasts"); got != 200 {
		t.Errorf("%d bodies are kept, want 200", got)
	}
	checkBacklog(t, s, full.Inbox)
	checkBacklog(t, s, other.Inbox)
}

// Devices that are there are named, and the others addressed together.
func TestTheClassIsThatOfTheMessageThatAddressedTheInbox(t *testing.T) {
	s, clock := newTimedStore(t)
	online, offline := register(t, s, "bob", "ONLINE"), register(t, s, "bob", "OFFLINE")
	alone := register(t, s, "carol", "C")
	batch := latest(1, [2]string{"bob", "*"}, [2]string{"bob", "ONLINE"}, [2]string{"carol", "C"})
	batch.Sends[0].Messages[1].Class = todevice.KeepConfirmed
	accept(t, s, batch)
	clock.pass(keepLatestFor)
	for device, want := range map[todevice.Device]int{online: 1, offline: 0, alone: 0} {
		if got := waiting(t, s, device); len(got) != want {
			t.Errorf("after seven days %s has %v waiting, want %d", device.ID, got, want)
		}
	}
}

// Every write of a batch that evicts fails once: then nothing of it has happened, and its
// repetition evicts as if it had been the first.
func TestAFailedEvictionLeavesNothingHalf(t *testing.T) {
	s, driver := newFaultyStore(t)
	b1, b2 := register(t, s, "bob", "1"), register(t, s, "bob", "2")
	for n := 1; n <= 200; n++ {
		accept(t, s, latest(n, [2]string{"bob", "*"}))
	}
	last, failures := 200, 0
	for k := 1; ; k++ {
		batch := latest(last+1, [2]string{"bob", "*"})
		driver.FailAt(k)
		_, err := s.Accept(context.Background(), batch)
		failed := driver.Failed()
		driver.FailAt(0)
		if !failed {
			break // the batch has fewer than k writes
		}
		if failures++; !errors.Is(err, faultdb.ErrFault) {
			t.Fatalf("write %d failed, and Accept said %v", k, err)
		}
		for _, d := range []todevice.Device{b1, b2} {
			if got := waiting(t, s, d); !slices.Equal(got, contents(last-199, last)) {
				t.Fatalf("write %d failed, and there wait %v", k, got)
			}
		}
		last++
		if evicted := accept(t, s, batch).Evicted; len(evicted) != 2 {
			t.Fatalf("write %d failed and was retried: evicted are %v", k, evicted)
		}
		for _, d := range []todevice.Device{b1, b2} {
			if got := waiting(t, s, d); !slices.Equal(got, contents(last-199, last)) {
				t.Fatalf("write %d failed and was retried: there wait %v", k, got)
			}
			checkBacklog(t, s, d.Inbox)
		}
	}
	if failures < 9 {
		t.Errorf("only %d writes could be made to fail", failures)
	}
}

func TestAFailedExpiryLeavesNothingHalf(t *testing.T) {
	driver := faultdb.Register()
	c := &clock{time.UnixMilli(1_700_000_000_000)}
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Driver: driver.Name, Now: c.now})
	bob := register(t, s, "bob", "B")
	for n := 1; n <= 3; n++ {
		accept(t, s, latest(n, [2]string{"bob", "B"}))
	}
	for k := 1; ; k++ {
		driver.FailAt(k)
		dropped, err := s.ExpireMessages(context.Background(), c.Add(keepLatestFor))
		failed := driver.Failed()
		driver.FailAt(0)
		if !failed {
			if len(dropped) != 3 || err != nil || k < 8 {
				t.Errorf("%d dropped after %d faults, %v", len(dropped), k-1, err)
			}
			return
		}
		if got := waiting(t, s, bob); !errors.Is(err, faultdb.ErrFault) || len(dropped) != 0 || len(got) != 3 {
			t.Fatalf("write %d failed: %v, %d dropped, %v waiting", k, err, len(dropped), got)
		}
		checkBacklog(t, s, bob.Inbox)
	}
}

// What is in no inbox any more is taken for confirmed, unless it was dropped.
func TestADroppedMessageIsNotTakenForConfirmed(t *testing.T) {
	for _, how := range []string{"evicted", "expired"} {
		s, clock := newTimedStore(t)
		register(t, s, "bob", "B")
		request := todevice.RTMRequest{App: "app", Sender: "ann", Key: "k"}
		batch := latest(0, [2]string{"bob", "B"})
		batch.Source.RTM = &request
		accept(t, s, batch)
		if how == "evicted" {
			for n := 1; n <= 200; n++ {
				accept(t, s, latest(n, [2]string{"bob", "B"}))
			}
		} else {
			clock.pass(keepLatestFor)
			expire(t, s)
		}
		if answer, err := s.RTMAnswer(context.Background(), request); err != nil || answer == nil || answer.Confirmed {
			t.Errorf("%s: %+v, %v", how, answer, err)
		}
	}
}

// A device that has read its inbox, and what has come last, are remembered: neither may
// bring back what is gone.
func TestWhatIsGoneIsNotGivenFromMemory(t *testing.T) {
	s, clock := newTimedStore(t)
	bob := register(t, s, "bob", "B")
	if got := waiting(t, s, bob); len(got) != 0 {
		t.Fatal(got)
	}
	for n := 1; n <= 250; n++ {
		accept(t, s, latest(n, [2]string{"bob", "B"}))
		if n%50 == 0 {
			accept(t, s, todevice.Batch{Sends: []todevice.Send{to(-n, [2]string{"bob", "B"})}})
		}
		if got, want := waiting(t, s, bob), min(n, 200)+n/50; len(got) != want {
			t.Fatalf("after message %d there wait %d, want %d", n, len(got), want)
		}
	}
	clock.pass(keepLatestFor)
	for range 2 {
		if got := waiting(t, s, bob); len(got) != 5 {
			t.Fatalf("after seven days there wait %v", got)
		}
		expire(t, s)
	}
	if n, err := s.Confirm(context.Background(), bob.Inbox, s.Head()); n != 5 || err != nil {
		t.Errorf("confirmed %d, %v; want 5", n, err)
	}
	checkBacklog(t, s, bob.Inbox)

	since := s.Head() // the device has read up to here
	for n := 1; n <= 3; n++ {
		accept(t, s, latest(n, [2]string{"bob", "B"}))
		accept(t, s, todevice.Batch{Sends: []todevice.Send{to(-n, [2]string{"bob", "B"})}})
	}
	for _, want := range []int{6, 3} {
		if events, _, err := s.Pending(context.Background(), bob.Inbox, since); len(events) != want || err != nil {
			t.Errorf("%d wait, %v; want %d", len(events), err, want)
		}
		clock.pass(keepLatestFor)
	}
}

func TestAnOrdinaryMessageCostsNoStatementMore(t *testing.T) {
	s, driver := newFaultyStore(t)
	bob := register(t, s, "bob", "B")
	register(t, s, "sender", "S")
	batch := todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "B"})}}
	accept(t, s, batch) // who knows whom is noted with the first message
	before := driver.Writes()
	accept(t, s, batch)
	if got := driver.Writes() - before; got != 4 {
		t.Errorf("%d statements that write, want BEGIN, the row, the head and COMMIT", got)
	}
	before = driver.Writes()
	if _, err := s.Confirm(context.Background(), bob.Inbox, s.Head()); err != nil {
		t.Fatal(err)
	}
	if got := driver.Writes() - before; got != 3 {
		t.Errorf("%d statements that write, want BEGIN, the deletion and COMMIT", got)
	}
	for _, evicts := range []bool{false, true} {
		if evicts {
			accept(t, s, latest(2, [2]string{"bob", "B"}))
		}
		err := s.write(context.Background(), func(tx *tx) error {
			if _, asked := tx.writer.prepared[beyondLatest]; asked != evicts {
				t.Errorf("asked whether there are too many: %t, want %t", asked, evicts)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Ordinary rows are in neither index, and so neither question may look at them.
func TestTheLatestAreFoundByTheirIndexes(t *testing.T) {
	s := newStore(t)
	for query, index := range map[string]string{beyondLatest: "COVERING INDEX inboxes_latest", pastTheirTime: "INDEX inboxes_expires"} {
		plan := queryPlan(t, s, query)
		if !strings.Contains(plan, index) || strings.Contains(plan, "SCAN") && !strings.Contains(plan, "SCAN sub") {
			t.Errorf("%s\nis done by\n%s", query, plan)
		}
	}
}

func queryPlan(t testing.TB, s *Store, query string) string {
	t.Helper()
	rows, err := s.readers.Query(`EXPLAIN QUERY PLAN `+query, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return strings.Join(plan, "\n")
}

// The database is put back to what it was before migration 0013, with what waits in it.
func TestWhatWaitedBeforeThereWereTimesWaitsWithoutOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	bob, other := register(t, s, "bob", "B"), register(t, s, "bob", "B2")
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "B"}), to(2, [2]string{"bob", "*"})}})
	for _, change := range []string{
		`DROP INDEX inboxes_latest`, `DROP INDEX inboxes_expires`, `ALTER TABLE inboxes DROP COLUMN expires`,
		`DELETE FROM schema_migrations WHERE id = '0013_keep_latest.sql'`,
	} {
		err := s.write(context.Background(), func(tx *tx) error {
			_, err := tx.exec(change)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Now().Add(2 * keepLatestFor)}
	s = open(t, path, Options{Now: c.now})
	if dropped := expire(t, s); len(dropped) != 0 {
		t.Errorf("dropped are %v", dropped)
	}
	if got := waiting(t, s, bob); !slices.Equal(got, contents(1, 2)) {
		t.Errorf("waiting are %v", got)
	}
	if _, err := s.Confirm(context.Background(), bob.Inbox, s.Head()); err != nil || len(waiting(t, s, other)) != 1 {
		t.Errorf("%v; the other device has %v", err, waiting(t, s, other))
	}
}
