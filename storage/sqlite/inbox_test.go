package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestPendingIsBoundedByCountAndBytes(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	bob, carol := register(t, s, "bob", "B"), register(t, s, "carol", "C")
	for n := range 250 {
		accept(t, s, todevice.Batch{Sends: []todevice.Send{to(n, [2]string{"bob", "B"})}})
	}
	after := todevice.Position(0)
	for _, want := range []int{100, 100, 50, 0} {
		events, more, err := s.Pending(ctx, bob.Inbox, after)
		if err != nil || len(events) != want || more != (want == 100) {
			t.Fatalf("after %d: %d events, more %t, %v; want %d", after, len(events), more, err, want)
		}
		if want > 0 {
			after = events[want-1].Position
		}
	}
	for n := range 40 {
		large := to(n, [2]string{"carol", "C"})
		large.Messages[0].Content = []byte(`{"a":"` + strings.Repeat("a", 64000) + `"}`)
		accept(t, s, todevice.Batch{Sends: []todevice.Send{large}})
	}
	events, more, err := s.Pending(ctx, carol.Inbox, 0)
	if err != nil || !more || len(events) < 16 || len(events) > 18 {
		t.Errorf("of 40 messages of 64 kB came %d, more %t, %v; want about 1 MiB", len(events), more, err)
	}
}

func TestConfirmRemovesUpToThePositionOnly(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	bob, carol := register(t, s, "bob", "B"), register(t, s, "carol", "C")
	var third todevice.Position
	for n := range 5 {
		acc := accept(t, s, todevice.Batch{Sends: []todevice.Send{to(n, [2]string{"bob", "B"}), to(n, [2]string{"carol", "C"})}})
		if n == 2 {
			third = acc.Deliveries[0].Position
		}
	}
	for _, want := range []int{3, 0} {
		if n, err := s.Confirm(ctx, bob.Inbox, third); n != want || err != nil {
			t.Errorf("confirmed %d, %v; want %d", n, err, want)
		}
	}
	if len(waiting(t, s, bob)) != 2 || len(waiting(t, s, carol)) != 5 {
		t.Errorf("left: %v and %v; want 2 and 5", waiting(t, s, bob), waiting(t, s, carol))
	}
}

func TestSweepForgetsOnlyWhatIsOldEnough(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	alice := register(t, s, "alice", "A")
	register(t, s, "bob", "B")
	accept(t, s, numbered(alice.Inbox, 1))
	send := to(1, [2]string{"bob", "B"})
	send.MessageID = "m"
	accept(t, s, todevice.Batch{Source: todevice.Source{Origin: "far.test", TxnID: "t"}, Sends: []todevice.Send{send}})
	const day = 24 * time.Hour
	for _, c := range []struct {
		after                        time.Duration
		requests, received, messages int
	}{{day - time.Minute, 1, 1, 1}, {day + time.Minute, 0, 1, 1}, {30*day - time.Minute, 0, 1, 1}, {30*day + time.Minute, 0, 0, 0}} {
		if _, err := s.Sweep(ctx, time.Now().Add(c.after)); err != nil {
			t.Fatal(err)
		}
		r, x, m := rows(t, s, "client_requests"), rows(t, s, "received_transactions"), rows(t, s, "received_messages")
		if r != c.requests || x != c.received || m != c.messages {
			t.Errorf("after %v: %d requests, %d transactions, %d messages remembered; want %d, %d, %d",
				c.after, r, x, m, c.requests, c.received, c.messages)
		}
	}
}

// P7: a broadcast's body goes with its last reader, however that one goes, and whether or
// not the store remembers who reads it.
func TestBroadcastGoesWithItsLastReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chappe.db")
	s := open(t, path, Options{})
	first, second, third := register(t, s, "bob", "1"), register(t, s, "bob", "2"), register(t, s, "bob", "3")
	send := func() todevice.Position {
		return accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "*"})}}).Deliveries[0].Position
	}
	send()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	latest := send()
	for _, device := range []todevice.Device{first, second} {
		if confirmed, err := s.Confirm(t.Context(), device.Inbox, latest); err != nil || confirmed != 2 {
			t.Fatalf("confirmed %d, %v", confirmed, err)
		}
	}
	if n := rows(t, s, "broadcasts WHERE waiting = 1"); n != 2 {
		t.Fatalf("%d broadcasts wait for one device, want 2", n)
	}
	if err := s.DeleteDevice(t.Context(), third.Inbox); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "broadcasts") + rows(t, s, "inboxes"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}
