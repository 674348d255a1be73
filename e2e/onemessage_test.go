package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestOneMessageArrivesHere(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, 1, bob.Device)
	settle(t, ledger, receiver)
}

func TestOneMessageArrivesAtAnotherServerAndItsAnswerHere(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice, bob := servers[0].Device("alice", "PHONE"), servers[1].Device("bob", "TABLET")
	atAlice, atBob := testserver.NewReceiver(alice, ledger), testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, 1, bob.Device)
	settle(t, ledger, atBob)
	send(t, bob, ledger, 1, alice.Device)
	settle(t, ledger, atAlice)
}

// What is in a content is nobody's business on the way: it arrives with every
// character and digit it was sent with.
func TestContentAndTypeArriveAsTheyWereSent(t *testing.T) {
	const eventType = "im.chappe.tést/x y%2F"
	const content = `{"":"","a\"b\\c\u0000":"\u2028é😀","big":9007199254740991,"deep":[[[{"x":[null,true,-9007199254740991]}]]],"stamp":%q}`
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice := servers[0].Device("alice", "PHONE")
	for _, bob := range []*testserver.Client{servers[0].Device("bob", "HERE"), servers[1].Device("bob", "THERE")} {
		before := peek(t, bob, "", 0)
		message := ledger.Sending(alice.Device, bob.Device)
		sent := json.RawMessage(fmt.Sprintf(content, message.Stamp()))
		messages := testserver.Messages{bob.Device.User: {bob.Device.ID: sent}}
		if err := alice.SendToDevice(within(t, atOnce), eventType, "txn 1/"+bob.Device.ID, messages); err != nil {
			t.Fatal(err)
		}
		ledger.Accepted(message)
		response, err := bob.SyncRetry(within(t, soon), before.NextBatch, longPoll)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range response.Events {
			if got, want := normal(t, event.Content), normal(t, sent); got != want {
				t.Errorf("%s got %s, want %s", bob.Device, got, want)
			}
			if event.Type != eventType {
				t.Errorf("%s got the type %q", bob.Device, event.Type)
			}
		}
		ledger.Used(bob.Device, response.Events)
	}
	ledger.Check(t)
}

// normal writes JSON in one form, numbers as they were.
func normal(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
