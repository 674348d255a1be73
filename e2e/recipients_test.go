package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A user can be addressed as a whole and by the name of a device in one request. The
// named device then gets its own content and no other, wherever the user lives and
// however large the contents are: they may not fit into one EDU.
func TestANamedDeviceGetsItsOwnContentOnly(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice := servers[0].Device("alice", "PHONE")
	for _, home := range servers {
		named, other := home.Device("bob", "NAMED"), home.Device("bob", "OTHER")
		receivers := []*testserver.Receiver{testserver.NewReceiver(named, ledger), testserver.NewReceiver(other, ledger)}
		for _, size := range []int{10, 40_000, 60_000} {
			t.Run(fmt.Sprintf("%s, %d bytes", home.Name(), size), func(t *testing.T) {
				forNamed, forOther := ledger.Sending(alice.Device, named.Device), ledger.Sending(alice.Device, other.Device)
				contents := testserver.Messages{named.Device.User: {
					named.Device.ID: padded(forNamed, size), testserver.AllDevices: padded(forOther, size),
				}}
				if err := alice.SendToDevice(within(t, atOnce), "im.chappe.test", forNamed.Stamp(), contents); err != nil {
					t.Fatal(err)
				}
				ledger.Accepted(forNamed)
				ledger.Accepted(forOther)
				settle(t, ledger, receivers...)
				awaitEmptyQueues(t, servers...) // what should not come may come last
				settle(t, ledger, receivers...)
			})
		}
	}
}

// padded gives a message's content with so many bytes more.
func padded(m testserver.Message, bytes int) map[string]any {
	content := m.Content()
	content["pad"] = strings.Repeat("p", bytes)
	return content
}

// A room key for everyone in a large room is one request: a content of its own for
// each of hundreds of devices, most of them elsewhere.
func TestOneRequestForHundredsOfDevices(t *testing.T) {
	const ghosts, size = 200, 20_000
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice := servers[0].Device("alice", "PHONE")
	contents := make(testserver.Messages)
	var receivers []*testserver.Receiver
	var to []testserver.Device
	for _, device := range []*testserver.Client{alice, servers[0].Device("bob", "HERE"), servers[1].Device("zoe", "THERE")} {
		receivers = append(receivers, testserver.NewReceiver(device, ledger))
		to = append(to, device.Device)
	}
	message := ledger.Sending(alice.Device, to...)
	for _, d := range to {
		contents[d.User] = map[string]any{d.ID: padded(message, size)}
	}
	for i := range ghosts { // devices that are no more, half of them elsewhere
		home := servers[i%2]
		contents[home.UserID(fmt.Sprint("ghost", i))] = map[string]any{"GONE": padded(message, size)}
	}
	if err := alice.SendToDevice(within(t, soon), "im.chappe.test", "one", contents); err != nil {
		t.Fatal(err)
	}
	ledger.Accepted(message)
	send(t, alice, ledger, 3, to...)
	settle(t, ledger, receivers...)
	awaitEmptyQueues(t, servers...)
}
