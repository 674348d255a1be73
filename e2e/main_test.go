package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

const (
	// atOnce bounds what must not wait for anything. It is far below the timeouts that
	// are asked for beside it, and far above what a slow machine needs.
	atOnce = 10 * time.Second
	// longPoll is the timeout of a poll that must end before.
	longPoll = 5 * time.Minute
	// soon bounds everything that takes a few retries.
	soon = 90 * time.Second
)

// within gives a context that ends after a time, or with the test.
func within(t *testing.T, patience time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// settle lets every receiver get what it misses, and asks the ledger.
func settle(t *testing.T, ledger *testserver.Ledger, receivers ...*testserver.Receiver) {
	t.Helper()
	for _, receiver := range receivers {
		if err := receiver.Drain(within(t, soon)); err != nil {
			t.Error(err)
		}
	}
	ledger.Check(t)
}

// send sends so many messages, or ends the test.
func send(t *testing.T, from *testserver.Client, ledger *testserver.Ledger, messages int, to ...testserver.Device) {
	t.Helper()
	sender := testserver.Sender{Client: from, Ledger: ledger, To: to}
	if err := sender.Send(within(t, soon), messages); err != nil {
		t.Fatal(err)
	}
}

// peek syncs without using the response.
func peek(t *testing.T, c *testserver.Client, since string, timeout time.Duration) *testserver.SyncResponse {
	t.Helper()
	response, err := c.Sync(within(t, atOnce), since, timeout)
	if err != nil {
		t.Fatalf("sync of %s: %v", c.Device, err)
	}
	return response
}

// everyDevice addresses all devices of a client's user.
func everyDevice(c *testserver.Client) testserver.Device {
	return testserver.Device{User: c.Device.User, ID: testserver.AllDevices}
}
