package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// rtmDevice is what the ledger calls the sender of peer messages: a user of the
// app, who has no device here.
func rtmDevice(s *testserver.Server) testserver.Device {
	return testserver.Device{User: s.RTMUser("bot"), ID: "REST"}
}

func TestPeerMessageReachesMatrixUsersHereAndElsewhere(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	for _, matrix := range []*testserver.Client{servers[0].Device("alice", "PHONE"), servers[1].Device("bob", "TABLET")} {
		receiver := testserver.NewReceiver(matrix, ledger)
		before := peek(t, matrix, "", 0)
		message := ledger.Sending(rtmDevice(servers[0]), everyDevice(matrix))
		code, err := servers[0].RTM().SendPeer(within(t, atOnce), "bot",
			testserver.PeerMessage{Destination: matrix.Device.User, Payload: message.Stamp(), Offline: true}, false)
		if err != nil || code != "message_sent" {
			t.Fatalf("%s: got %q, %v; want message_sent", matrix.Device, code, err)
		}
		ledger.Accepted(message)
		response, err := matrix.SyncRetry(within(t, soon), before.NextBatch, longPoll)
		if err != nil {
			t.Fatal(err)
		}
		checkPeerEvent(t, response, message.Stamp())
		receiver.Use(response)
		settle(t, ledger, receiver)
	}
}

// checkPeerEvent checks the one event of a response against the form that is
// documented for peer messages.
func checkPeerEvent(t *testing.T, response *testserver.SyncResponse, payload string) {
	t.Helper()
	if len(response.Events) != 1 {
		t.Fatalf("got %d events, want one", len(response.Events))
	}
	event := response.Events[0]
	if event.Type != "im.chappe.rtm.peer_message" {
		t.Errorf("the event is a %s", event.Type)
	}
	var content map[string]any
	if err := json.Unmarshal(event.Content, &content); err != nil {
		t.Fatal(err)
	}
	if content["from"] != "bot" || content["payload"] != payload {
		t.Errorf("the content is %s", event.Content)
	}
	for _, key := range []string{"app_id", "message_id", "server_ts"} {
		if content[key] == nil {
			t.Errorf("the content has no %s: %s", key, event.Content)
		}
	}
}

func TestWaitForAckAnswersWhenTheReceiverSyncsOn(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE")
	receiver := testserver.NewReceiver(alice, ledger)
	receiver.Use(peek(t, alice, "", 0)) // alice is online from now on

	message := ledger.Sending(rtmDevice(server), alice.Device)
	type answer struct {
		code string
		err  error
	}
	answered := make(chan answer, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		code, err := server.RTM().SendPeer(ctx, "bot",
			testserver.PeerMessage{Destination: alice.Device.User, Payload: message.Stamp()}, true)
		answered <- answer{code, err}
	}()
	if events, err := receiver.Sync(within(t, atOnce), longPoll); err != nil || events != 1 {
		t.Fatalf("alice got %d events, %v; want the message", events, err)
	}
	// Handed out is not confirmed. That the answer is not there proves little; that
	// it comes at all proves the rest.
	if len(answered) > 0 {
		t.Fatalf("it was answered before alice confirmed: %v", <-answered)
	}
	if events, err := receiver.Sync(within(t, atOnce), 0); err != nil || events != 0 {
		t.Fatalf("alice got %d events, %v; want none after the message", events, err)
	}
	got := <-answered
	if got.err != nil || got.code != "message_delivered" {
		t.Errorf("got %q, %v; want message_delivered", got.code, got.err)
	}
	ledger.Accepted(message)
	settle(t, ledger, receiver)
}

func TestWaitForAckSaysOfflineAndKeepsTheMessageIfTold(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE") // has never synced
	receiver := testserver.NewReceiver(alice, ledger)
	var codes []string
	for _, keep := range []bool{true, false} {
		message := testserver.PeerMessage{Destination: alice.Device.User, Payload: "not kept", Offline: keep}
		if keep {
			kept := ledger.Sending(rtmDevice(server), alice.Device)
			message.Payload = kept.Stamp()
			ledger.Accepted(kept)
		}
		code, err := server.RTM().SendPeer(within(t, atOnce), "bot", message, true)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	if want := []string{"message_offline", "message_offline"}; !slices.Equal(codes, want) {
		t.Errorf("got %q, want %q", codes, want)
	}
	settle(t, ledger, receiver)
}
