package e2e_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// The client cannot know whether its request was done when the server died. It asks
// again, and again after the next restart, and the message comes once.
func TestRetryAfterCrashDeliversOnce(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice := servers[0].Device("alice", "PHONE")
	near, far := servers[0].Device("near", "N"), servers[1].Device("far", "F")
	atNear, atFar := testserver.NewReceiver(near, ledger), testserver.NewReceiver(far, ledger)

	message := ledger.Sending(alice.Device, near.Device, far.Device)
	contents := testserver.Messages{
		near.Device.User: {near.Device.ID: message.Content()},
		far.Device.User:  {far.Device.ID: message.Content()},
	}
	for round := range 3 {
		if err := alice.SendToDeviceRetry(within(t, soon), "im.chappe.test", "the same", contents); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			ledger.Accepted(message)
		}
		servers[0].Kill()
		servers[0].Start()
		settle(t, ledger, atNear, atFar)
	}
	// The same transaction ID means another request with another type, or from
	// another device.
	for _, other := range []struct {
		from *testserver.Client
		kind string
	}{{alice, "im.chappe.other"}, {near, "im.chappe.test"}} {
		message := ledger.Sending(other.from.Device, far.Device)
		contents := testserver.Messages{far.Device.User: {far.Device.ID: message.Content()}}
		if err := other.from.SendToDeviceRetry(within(t, soon), other.kind, "the same", contents); err != nil {
			t.Fatal(err)
		}
		ledger.Accepted(message)
	}
	settle(t, ledger, atNear, atFar)
}

// An impatient client asks again before it has its answer. One of the requests does
// the work, and none answers before it is done.
func TestTheSameRequestManyTimesAtOnceDeliversOnce(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice := servers[0].Device("alice", "PHONE")
	near, far := servers[0].Device("near", "N"), servers[1].Device("far", "F")
	receivers := []*testserver.Receiver{testserver.NewReceiver(near, ledger), testserver.NewReceiver(far, ledger)}
	for range 20 {
		message := ledger.Sending(alice.Device, near.Device, far.Device)
		contents := testserver.Messages{
			near.Device.User: {testserver.AllDevices: message.Content()},
			far.Device.User:  {testserver.AllDevices: message.Content()},
		}
		err := together(8, func(int) error {
			return alice.SendToDevice(within(t, atOnce), "im.chappe.test", message.Stamp(), contents)
		})()
		if err != nil {
			t.Fatal(err)
		}
		ledger.Accepted(message)
	}
	settle(t, ledger, receivers...)
	awaitEmptyQueues(t, servers...)
	settle(t, ledger, receivers...)
}
