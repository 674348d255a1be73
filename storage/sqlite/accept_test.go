package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

func TestRepeatedRequestStoresOnce(t *testing.T) {
	s := newStore(t)
	alice, other, bob := register(t, s, "alice", "A"), register(t, s, "alice", "A2"), register(t, s, "bob", "B")
	send := func(client todevice.InboxID, request string, n int) bool {
		return accept(t, s, todevice.Batch{
			Source: todevice.Source{Client: client, Request: request},
			Sends:  []todevice.Send{to(n, [2]string{"bob", "B"})},
		}).Repeated
	}
	for _, c := range []struct {
		client   todevice.InboxID
		request  string
		repeated bool
	}{
		{alice.Inbox, "type\x00txn", false},
		{alice.Inbox, "type\x00txn", true},
		{alice.Inbox, "other type\x00txn", false},
		{other.Inbox, "type\x00txn", false},
		{other.Inbox, "type\x00txn", true},
	} {
		if got := send(c.client, c.request, 1); got != c.repeated {
			t.Errorf("request %q of inbox %d: repeated %t, want %t", c.request, c.client, got, c.repeated)
		}
	}
	// A new login on the same device is the same device.
	register(t, s, "alice", "A")
	if !send(alice.Inbox, "type\x00txn", 1) {
		t.Error("a request repeated after a new login was taken for a new one")
	}
	if got := waiting(t, s, bob); len(got) != 3 {
		t.Errorf("%d messages wait, want 3: %v", len(got), got)
	}
}

func TestDeletedSenderIsRefused(t *testing.T) {
	s := newStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	if err := s.DeleteDevice(context.Background(), alice.Inbox); err != nil {
		t.Fatal(err)
	}
	_, err := s.Accept(context.Background(), todevice.Batch{
		Source: todevice.Source{Client: alice.Inbox, Request: "r"},
		Sends:  []todevice.Send{to(1, [2]string{"bob", "B"})},
	})
	if !errors.Is(err, todevice.ErrUnknownDevice) || len(waiting(t, s, bob)) != 0 {
		t.Errorf("got %v and %v waiting, want ErrUnknownDevice and nothing", err, waiting(t, s, bob))
	}
}

func TestMessageIDIsAcceptedOncePerOrigin(t *testing.T) {
	s := newStore(t)
	bob := register(t, s, "bob", "B")
	receive := func(origin, txn, id string, n int) todevice.Accepted {
		send := to(n, [2]string{"bob", "B"})
		send.MessageID = id
		return accept(t, s, todevice.Batch{
			Source: todevice.Source{Origin: spec.ServerName(origin), TxnID: txn},
			Sends:  []todevice.Send{send},
		})
	}
	receive("a", "t1", "m1", 1)
	receive("a", "t1", "m2", 99) // the transaction was seen
	if got := receive("a", "t2", "m1", 99).Skipped.RepeatedMessages; got != 1 {
		t.Errorf("the message ID in another transaction: %d skipped, want 1", got)
	}
	receive("b", "t1", "m1", 2) // another origin
	receive("a", "t3", "", 3)
	receive("a", "t4", "", 4) // no ID: no way to tell
	if got, want := waiting(t, s, bob), []string{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`}; !slices.Equal(got, want) {
		t.Errorf("waiting: %v, want %v", got, want)
	}
}

func TestWildcardReachesTheDevicesOfNow(t *testing.T) {
	s := newStore(t)
	a, b, c := register(t, s, "bob", "A"), register(t, s, "bob", "B"), register(t, s, "bob", "C")
	send := to(1, [2]string{"bob", "*"}, [2]string{"bob", "B"}, [2]string{"bob", "gone"}, [2]string{"nobody", "*"})
	send.Messages[1].Content = []byte(`{"n":"own"}`)
	acc := accept(t, s, todevice.Batch{Sends: []todevice.Send{send}})
	later := register(t, s, "bob", "D")
	for device, want := range map[todevice.Device][]string{a: {`{"n":1}`}, b: {`{"n":"own"}`}, c: {`{"n":1}`}, later: nil} {
		if got := waiting(t, s, device); !slices.Equal(got, want) {
			t.Errorf("device %s: %v, want %v", device.ID, got, want)
		}
	}
	if acc.Skipped.UnknownDevices != 2 {
		t.Errorf("%d unknown recipients counted, want 2", acc.Skipped.UnknownDevices)
	}
}

func TestBroadcastIsStoredOnceAndGoesWithTheLast(t *testing.T) {
	s := newStore(t)
	var devices []todevice.Device
	for i := range 5 {
		devices = append(devices, register(t, s, "bob", fmt.Sprint(i)))
	}
	ctx := context.Background()
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "*"})}})
	if n := rows(t, s, "broadcasts"); n != 1 {
		t.Fatalf("the body is stored %d times, want once", n)
	}
	for _, d := range devices[:3] {
		if _, err := s.Confirm(ctx, d.Inbox, s.Head()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteDevice(ctx, devices[3].Inbox); err != nil {
		t.Fatal(err)
	}
	if got := waiting(t, s, devices[4]); len(got) != 1 {
		t.Fatalf("the last device has %v waiting, want its message", got)
	}
	if _, err := s.Confirm(ctx, devices[4].Inbox, s.Head()); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "broadcasts"); n != 0 {
		t.Errorf("%d bodies are left that nobody waits for", n)
	}
}

// Every statement of a request fails once: nothing of the request may be visible
// then, and its retry must deliver once.
func TestFailedWriteLeavesNothingHalf(t *testing.T) {
	s, driver := newFaultyStore(t)
	ctx := context.Background()
	alice := register(t, s, "alice", "A")
	b1, b2, c := register(t, s, "bob", "1"), register(t, s, "bob", "2"), register(t, s, "carol", "C")
	for _, source := range []func(k int) todevice.Source{
		func(k int) todevice.Source {
			return todevice.Source{Client: alice.Inbox, Request: fmt.Sprint("request", k)}
		},
		func(k int) todevice.Source { return todevice.Source{Origin: "far.test", TxnID: fmt.Sprint("txn", k)} },
		func(k int) todevice.Source {
			return todevice.Source{RTM: &todevice.RTMRequest{App: "app", Sender: "sender", Key: fmt.Sprint("key", k)}}
		},
	} {
		failures := 0
		for k := 1; ; k++ {
			send := to(k, [2]string{"bob", "*"}, [2]string{"carol", "C"})
			send.MessageID = fmt.Sprint("message", k)
			batch := todevice.Batch{Source: source(k), Sends: []todevice.Send{send}, EDUs: []todevice.EDU{
				{Destination: "x.test", JSON: []byte(`{}`)}, {Destination: "y.test", JSON: []byte(`{}`)},
			}}
			before, queued := len(waiting(t, s, b1)), rows(t, s, "outbox")
			driver.FailAt(k)
			_, err := s.Accept(ctx, batch)
			failed := driver.Failed()
			driver.FailAt(0)
			if !failed {
				if err != nil {
					t.Fatal(err)
				}
				break // the request has fewer than k writes
			}
			failures++
			if !errors.Is(err, faultdb.ErrFault) {
				t.Fatalf("write %d failed, and Accept said %v", k, err)
			}
			if len(waiting(t, s, b1)) != before || rows(t, s, "outbox") != queued {
				t.Fatalf("write %d failed, and a part of the request is visible", k)
			}
			if accept(t, s, batch).Repeated || !accept(t, s, batch).Repeated {
				t.Fatalf("write %d failed: the retry was not the first to be accepted", k)
			}
			for _, d := range []todevice.Device{b1, b2, c} {
				if got := waiting(t, s, d); len(got) != before+1 || !strings.Contains(got[before], fmt.Sprint(k)) {
					t.Fatalf("write %d failed and was retried: device %s has %v", k, d.ID, got)
				}
			}
			if rows(t, s, "outbox") != queued+2 {
				t.Fatalf("write %d failed and was retried: %d EDUs wait, want %d", k, rows(t, s, "outbox"), queued+2)
			}
		}
		if failures < 8 {
			t.Errorf("only %d writes could be made to fail", failures)
		}
	}
}

func TestFullInboxRefusesLocalSendersAndSkipsOthers(t *testing.T) {
	s := open(t, t.TempDir()+"/chappe.db", Options{MaxInboxRows: 2, MaxInboxBytes: 1000})
	ctx := context.Background()
	alice, bob, carol := register(t, s, "alice", "A"), register(t, s, "bob", "B"), register(t, s, "carol", "C")
	local := func(n int) todevice.Batch {
		return todevice.Batch{
			Source: todevice.Source{Client: alice.Inbox, Request: fmt.Sprint(n)},
			Sends:  []todevice.Send{to(n, [2]string{"bob", "B"}, [2]string{"carol", "C"})},
		}
	}
	accept(t, s, todevice.Batch{Sends: []todevice.Send{to(1, [2]string{"bob", "B"})}})
	accept(t, s, local(2))
	if _, err := s.Accept(ctx, local(3)); !errors.Is(err, todevice.ErrInboxFull) {
		t.Fatalf("a third message for two places: %v", err)
	}
	if got := waiting(t, s, carol); len(got) != 1 {
		t.Errorf("a part of the refused batch was stored: %v", got)
	}
	remote := local(4)
	remote.Source = todevice.Source{Origin: "far.test", TxnID: "t"}
	if acc := accept(t, s, remote); acc.Skipped.FullInboxes != 1 || len(acc.Deliveries) != 1 {
		t.Errorf("from another server: %+v, want one delivery and one skipped", acc)
	}
	if _, err := s.Confirm(ctx, bob.Inbox, s.Head()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Confirm(ctx, carol.Inbox, s.Head()); err != nil {
		t.Fatal(err)
	}
	if accept(t, s, local(3)).Repeated {
		t.Error("the refused request counts as accepted")
	}
	large := todevice.Batch{Sends: []todevice.Send{to(5, [2]string{"carol", "C"})}}
	large.Sends[0].Messages[0].Content = []byte(`{"a":"` + strings.Repeat("a", 1000) + `"}`)
	if _, err := s.Confirm(ctx, carol.Inbox, s.Head()); err != nil {
		t.Fatal(err)
	}
	accept(t, s, large)
	if _, err := s.Accept(ctx, large); !errors.Is(err, todevice.ErrInboxFull) {
		t.Errorf("an inbox over its bytes took more: %v", err)
	}
}
