package e2e_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// Another login on a device is the same device with another token: its messages
// stay, its sync token stays good, and what it has sent stays sent.
func TestANewLoginOnADeviceKeepsEverythingButTheToken(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, before := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	old := testserver.NewReceiver(before, ledger)
	send(t, alice, ledger, 2, before.Device)
	settle(t, ledger, old)
	send(t, alice, ledger, 3, before.Device)
	fromBob := ledger.Sending(before.Device, alice.Device)
	contents := testserver.Messages{alice.Device.User: {alice.Device.ID: fromBob.Content()}}
	if err := before.SendToDevice(within(t, atOnce), "im.chappe.test", "same", contents); err != nil {
		t.Fatal(err)
	}
	ledger.Accepted(fromBob)

	after := server.Device("bob", "TABLET")
	if _, err := before.Sync(within(t, atOnce), old.Since(), longPoll); !unauthorized(err) {
		t.Errorf("the old access token gets %v, want 401", err)
	}
	if err := after.SendToDevice(within(t, atOnce), "im.chappe.test", "same", contents); err != nil {
		t.Fatal(err)
	}
	response := peek(t, after, old.Since(), longPoll)
	if len(response.Events) != 3 {
		t.Errorf("the sync token of before gives %d events, want the 3 that wait", len(response.Events))
	}
	old.Use(response)
	settle(t, ledger, testserver.NewReceiver(alice, ledger))
	if response := peek(t, after, old.Since(), 0); len(response.Events) != 0 {
		t.Errorf("it got more: %s", response.RawEvents)
	}
}

// A device that was logged out is gone with all that waited for it. One that takes
// its name later gets nothing of that, whatever sync token it finds.
func TestADeviceThatTakesAnOldNameStartsEmpty(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	near, far := servers[0].Device("alice", "PHONE"), servers[1].Device("zoe", "PHONE")
	gone := servers[0].Device("bob", "TABLET")
	for _, from := range []*testserver.Client{near, far} {
		// Of another ledger: what is sent to a device that goes is no loss.
		send(t, from, testserver.NewLedger(), 3, everyDevice(gone))
	}
	since := peek(t, gone, "", longPoll).NextBatch
	awaitEmptyQueues(t, servers...)
	if err := gone.Logout(within(t, atOnce)); err != nil {
		t.Fatal(err)
	}
	device := servers[0].Device("bob", "TABLET")
	receiver := testserver.NewReceiver(device, ledger)
	for _, token := range []string{"", since} {
		if response := peek(t, device, token, longPoll); len(response.Events) != 0 {
			t.Errorf("since=%q gives messages of before: %s", token, response.RawEvents)
		}
	}
	send(t, far, ledger, 1, everyDevice(device))
	settle(t, ledger, receiver)
}
