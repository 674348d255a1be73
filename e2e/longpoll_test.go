package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A poll is a /sync under way.
type poll struct {
	ended  chan outcome // gets one value
	hangUp context.CancelFunc
}

type outcome struct {
	response *testserver.SyncResponse
	err      error
}

// begin starts a long poll, and returns when the request is on its way. The server
// need not have read it: what comes now may be seen, or awaited, by the poll, and
// must be right either way.
func begin(t *testing.T, c *testserver.Client, since string) *poll {
	t.Helper()
	ctx, hangUp := context.WithCancel(t.Context())
	p := &poll{ended: make(chan outcome, 1), hangUp: hangUp}
	t.Cleanup(hangUp)
	written := make(chan struct{}, 10)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { written <- struct{}{} },
	})
	go func() {
		response, err := c.Sync(traced, since, longPoll)
		p.ended <- outcome{response, err}
	}()
	select {
	case <-written:
	case got := <-p.ended:
		t.Fatalf("the poll of %s did not begin: %v", c.Device, got.err)
	}
	return p
}

// park is begin, after which the server has answered another request, and so most
// likely waits in the poll.
func park(t *testing.T, c *testserver.Client, since string) *poll {
	t.Helper()
	p := begin(t, c, since)
	if _, err := c.Do(within(t, atOnce), testserver.Request{Method: http.MethodGet, Path: "/_matrix/client/v3/account/whoami"}); err != nil {
		t.Fatal(err)
	}
	return p
}

// end gives how the poll ended, which must be long before its timeout.
func (p *poll) end(t *testing.T) (*testserver.SyncResponse, error) {
	t.Helper()
	select {
	case got := <-p.ended:
		return got.response, got.err
	case <-time.After(soon):
		t.Fatalf("the poll has not ended after %v", soon)
		return nil, nil
	}
}

func TestLongPollEndsWhenAMessageComes(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	near, far := servers[1].Device("near", "N"), servers[0].Device("far", "F")
	bob := servers[1].Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	receiver.Use(peek(t, bob, "", 0))
	for _, test := range []struct {
		name string
		from *testserver.Client
		to   testserver.Device
	}{
		{"by name, from here", near, bob.Device},
		{"to all devices, from here", near, everyDevice(bob)},
		{"by name, from elsewhere", far, bob.Device},
		{"to all devices, from elsewhere", far, everyDevice(bob)},
		{"from oneself", bob, bob.Device},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, start := range []func(*testing.T, *testserver.Client, string) *poll{begin, park} {
				poll := start(t, bob, receiver.Since())
				send(t, test.from, ledger, 1, test.to)
				response, err := poll.end(t)
				if err != nil || len(response.Events) != 1 {
					t.Fatalf("got %v, %v; want the message", response, err)
				}
				receiver.Use(response)
			}
		})
	}
	settle(t, ledger, receiver)
}

func TestTwoPollsOfADeviceSeeTheSame(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	receiver.Use(peek(t, bob, "", 0))
	for range 10 {
		one, other := park(t, bob, receiver.Since()), park(t, bob, receiver.Since())
		send(t, alice, ledger, 1, bob.Device)
		first, err := one.end(t)
		second, otherErr := other.end(t)
		if err := errors.Join(err, otherErr); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.RawEvents, second.RawEvents) || first.NextBatch != second.NextBatch || len(first.Events) != 1 {
			t.Fatalf("one got %s and %s, the other %s and %s", first.NextBatch, first.RawEvents, second.NextBatch, second.RawEvents)
		}
		receiver.Use(first)
	}
	settle(t, ledger, receiver)
}

// The instant of the hang-up falls before the message, after it, and in between.
func TestHangingUpLosesNothing(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	receiver.Use(peek(t, bob, "", 0))
	for round := range 30 {
		poll := park(t, bob, receiver.Since())
		sent := together(1, func(int) error {
			return (&testserver.Sender{Client: alice, Ledger: ledger, To: []testserver.Device{bob.Device}}).Send(t.Context(), 1)
		})
		if round%3 == 0 {
			if err := sent(); err != nil {
				t.Fatal(err)
			}
		}
		poll.hangUp()
		// A response that came in spite of it is used every other time.
		if response, err := poll.end(t); err == nil && round%2 == 0 {
			receiver.Use(response)
		}
		if err := sent(); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, ledger, receiver)
}

func TestSyncWithoutATimeoutAnswersAtOnce(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	bob := server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	for range 3 {
		if events, err := receiver.Sync(within(t, atOnce), 0); err != nil || events != 0 {
			t.Fatalf("got %d events, %v; want none", events, err)
		}
	}
	settle(t, ledger, receiver)
}

func TestAPollWithoutMessagesEndsAtItsTimeoutWithAGoodToken(t *testing.T) {
	const timeout = 300 * time.Millisecond
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	receiver.Use(peek(t, bob, "", 0))
	began := time.Now()
	if events, err := receiver.Sync(within(t, atOnce), timeout); err != nil || events != 0 {
		t.Fatalf("got %d events, %v; want none", events, err)
	}
	if waited := time.Since(began); waited < timeout {
		t.Errorf("it ended after %v, want %v", waited, timeout)
	}
	send(t, alice, ledger, 1, bob.Device)
	settle(t, ledger, receiver)
}
