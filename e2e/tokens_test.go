package e2e_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// Whatever stands in since, it must neither delete what the device has not got nor
// make it wait beside a full inbox, or for ever beside an empty one.
func TestForeignTokensDeleteNothingAndAnswerAtOnce(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE")
	bob, bobsOther := server.Device("bob", "TABLET"), server.Device("bob", "LAPTOP")
	receiver, other := testserver.NewReceiver(bob, ledger), testserver.NewReceiver(bobsOther, ledger)
	// Positions grow over all devices: LAPTOP's token is ahead of TABLET's.
	send(t, alice, ledger, 3, bob.Device)
	settle(t, ledger, receiver)
	send(t, alice, ledger, 5, bobsOther.Device)
	settle(t, ledger, other)

	for _, test := range []struct{ name, token string }{
		{"of another device of the user", other.Since()},
		{"of another user's device", peek(t, alice, "", 0).NextBatch},
		{"of another database", tokenOfAnotherDatabase(t)},
		{"from the future", withPosition(t, receiver.Since(), "9223372036854775807")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if response := peek(t, bob, test.token, longPoll); len(response.Events) != 0 {
				t.Errorf("an empty inbox gives %s", response.RawEvents)
			}
			send(t, alice, ledger, 2, bob.Device)
			for range 2 {
				if response := peek(t, bob, test.token, longPoll); len(response.Events) != 2 {
					t.Errorf("it gives %d messages of 2 that wait: %s", len(response.Events), response.RawEvents)
				}
			}
			settle(t, ledger, receiver)
		})
	}
	settle(t, ledger, receiver, other)
}

// The nearest future is the one that a server lives in after it was set back to a
// backup of a moment ago.
func TestATokenJustAheadOfTheDatabaseGivesAllAtOnce(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, 3, bob.Device)
	last := peek(t, bob, "", 0).NextBatch
	head, err := strconv.Atoi(strings.Split(last, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	response := peek(t, bob, withPosition(t, last, strconv.Itoa(head+1)), longPoll)
	if len(response.Events) != 3 || response.NextBatch != last {
		t.Errorf("it gives %d messages of 3, and %s instead of %s", len(response.Events), response.NextBatch, last)
	}
	settle(t, ledger, receiver)
}

// withPosition puts another inbox position into a token.
func withPosition(t *testing.T, token, position string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token %q does not have three parts", token)
	}
	parts[1] = position
	return strings.Join(parts, ".")
}

// tokenOfAnotherDatabase is for the device of the same name and number, on a server
// of the same name, as after a loss of all data.
func tokenOfAnotherDatabase(t *testing.T) string {
	t.Helper()
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, 100, bob.Device)
	settle(t, ledger, receiver)
	server.Stop()
	return receiver.Since()
}

func TestAnOlderTokenOfTheDeviceGivesWhatIsLeft(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	beginning := peek(t, bob, "", 0).NextBatch
	send(t, alice, ledger, 3, bob.Device)
	settle(t, ledger, receiver) // confirms the three
	send(t, alice, ledger, 2, bob.Device)
	if response := peek(t, bob, beginning, longPoll); len(response.Events) != 2 {
		t.Errorf("it gives %d messages, want the 2 that wait: %s", len(response.Events), response.RawEvents)
	}
	settle(t, ledger, receiver)
}

func TestWhatIsNoTokenIsRefused(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, 1, bob.Device)
	good := peek(t, bob, "", 0).NextBatch
	for _, token := range []string{
		"garbage", "0", "s72594_4483_1934", "1", "1..", good + ".0", good[1:], "1" + good,
		withPosition(t, good, "-1"), withPosition(t, good, "9223372036854775808"), withPosition(t, good, "0x1"), "\x00", "é",
	} {
		_, err := bob.Sync(within(t, atOnce), token, longPoll)
		var refused *testserver.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || refused.Code != "M_INVALID_PARAM" {
			t.Errorf("since=%q: got %v, want 400 M_INVALID_PARAM", token, err)
		}
	}
	settle(t, ledger, receiver)
}
