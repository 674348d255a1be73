//go:build synapse

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestMessagesArriveOnceAndInOrder(t *testing.T) {
	const messages = 200
	p := newPair(t, nil)
	for i, way := range p.ways() {
		t.Run(way.name, func(t *testing.T) {
			ledger := testserver.NewLedger()
			alice, bob := way.from.Device(fmt.Sprint("alice", i), "PHONE"), way.to.Device(fmt.Sprint("bob", i), "TABLET")
			receiver := newReceiver(bob, ledger)
			begun := time.Now()
			send(t, alice, ledger, messages, bob.Device)
			sent := time.Since(begun)
			drain(t, receiver)
			t.Logf("%d messages sent in %v, there after %v", messages, rounded(sent), rounded(time.Since(begun)))
			settle(t, alice, ledger, receiver)
		})
	}
}

// One request addresses a hundred devices: each by name, all by the asterisk, or each
// by name with so much content that it cannot go into one EDU.
func TestOneMessageReachesEachOfAHundredDevices(t *testing.T) {
	const devices = 100
	p := newPair(t, nil)
	for i, way := range p.ways() {
		t.Run(way.name, func(t *testing.T) {
			ledger := testserver.NewLedger()
			alice := way.from.Device(fmt.Sprint("alice", i), "PHONE")
			var receivers []receiver
			var named []testserver.Device
			for n := range devices {
				bob := way.to.Device(fmt.Sprint("bob", i), fmt.Sprint("DEVICE", n))
				receivers = append(receivers, newReceiver(bob, ledger))
				named = append(named, bob.Device)
			}
			all := testserver.Device{User: named[0].User, ID: testserver.AllDevices}
			for _, to := range [][]testserver.Device{named, {all}} {
				begun := time.Now()
				send(t, alice, ledger, 1, to...)
				drain(t, receivers...)
				t.Logf("addressed as %s…: at all %d devices after %v", to[0].ID, devices, rounded(time.Since(begun)))
			}
			begun := time.Now()
			sendPadded(t, alice, ledger, 4000, named...)
			drain(t, receivers...)
			t.Logf("4 kB for each: at all %d devices after %v", devices, rounded(time.Since(begun)))
			settle(t, alice, ledger, receivers...)
		})
	}
}

// sendPadded sends one message with so many bytes of content for each device.
func sendPadded(t *testing.T, from *testserver.Client, ledger *testserver.Ledger, bytes int, to ...testserver.Device) {
	t.Helper()
	message := ledger.Sending(from.Device, to...)
	content := message.Content()
	content["pad"] = strings.Repeat("p", bytes)
	contents := make(testserver.Messages)
	for _, d := range to {
		if contents[d.User] == nil {
			contents[d.User] = make(map[string]any)
		}
		contents[d.User][d.ID] = content
	}
	if err := from.SendToDeviceRetry(within(t, late), "im.chappe.test", message.Stamp(), contents); err != nil {
		t.Fatal(err)
	}
	ledger.Accepted(message)
}

// rounded is a time as far as it says something.
func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
