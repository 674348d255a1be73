package e2e_test

import (
	"bytes"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A device that was away asks with a long timeout each time, as it would while it
// waits, and must not be made to wait: its messages are there.
func TestManyWaitingMessagesComeInOrderAndWithoutAWait(t *testing.T) {
	const waiting = 1050
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, waiting, bob.Device)

	for response := 1; response <= 11; response++ {
		events, err := receiver.Sync(within(t, atOnce), longPoll)
		if err != nil {
			t.Fatalf("response %d: %v", response, err)
		}
		if want := min(100, waiting-100*(response-1)); events != want {
			t.Errorf("response %d has %d events, want %d", response, events, want)
		}
	}
	settle(t, ledger, receiver)
}

func TestOnlyTheNextSinceConfirms(t *testing.T) {
	const waiting = 120
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, waiting, bob.Device)

	first := same(t, bob, "")
	same(t, bob, "") // it has deleted nothing
	receiver.Use(first)
	second := same(t, bob, first.NextBatch) // the second time the response was lost
	server.Kill()
	server.Start()
	if again := same(t, bob, first.NextBatch); !bytes.Equal(again.RawEvents, second.RawEvents) {
		t.Errorf("after a restart the same sync has other events:\n%s\n%s", again.RawEvents, second.RawEvents)
	}
	receiver.Use(second)
	settle(t, ledger, receiver)
}

// same syncs twice from one token, and checks that both have the same events.
func same(t *testing.T, c *testserver.Client, since string) *testserver.SyncResponse {
	t.Helper()
	first, second := peek(t, c, since, longPoll), peek(t, c, since, longPoll)
	if !bytes.Equal(first.RawEvents, second.RawEvents) || len(first.Events) == 0 {
		t.Fatalf("two syncs from %q, %d events and %d:\n%s\n%s", since,
			len(first.Events), len(second.Events), first.RawEvents, second.RawEvents)
	}
	return first
}
