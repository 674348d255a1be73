package e2e_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestLogoutEndsThePollsOfTheDeviceAndNoOther(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, stays := server.Device("alice", "PHONE"), server.Device("bob", "STAYS")
	receiver := testserver.NewReceiver(stays, ledger)
	receiver.Use(peek(t, stays, "", 0))
	for round := range 6 {
		leaves := server.Device("bob", "LEAVES")
		receiver.Use(peek(t, stays, receiver.Since(), 0)) // hears of the new device
		start := park
		if round%2 == 0 {
			start = begin // so that logout and poll meet
		}
		staying, leaving := park(t, stays, receiver.Since()), start(t, leaves, peek(t, leaves, "", 0).NextBatch)
		if err := leaves.Logout(within(t, atOnce)); err != nil {
			t.Fatal(err)
		}
		if _, err := leaving.end(t); !unauthorized(err) {
			t.Fatalf("the poll ended with %v, want 401 M_UNKNOWN_TOKEN", err)
		}
		response, err := staying.end(t) // hears that the device is gone
		if err != nil || len(response.Events) != 0 {
			t.Fatalf("the other poll got %v, %v; want no message and no error", response, err)
		}
		receiver.Use(response)
		staying = park(t, stays, receiver.Since())
		send(t, alice, ledger, 1, everyDevice(stays))
		response, err = staying.end(t)
		if err != nil || len(response.Events) != 1 {
			t.Fatalf("the other poll got %v, %v; want the message", response, err)
		}
		receiver.Use(response)
	}
	settle(t, ledger, receiver)
}

// A poll that begins as its device goes either finds it gone or is told. There is
// no third way, such as to wait for a message to a device that is no more.
func TestLogoutEndsPollsThatBeginAtTheSameInstant(t *testing.T) {
	const rounds, polls = 8, 50
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE")
	ctx := within(t, soon)
	for round := range rounds {
		leaves := server.Device("bob", "LEAVES")
		since := peek(t, leaves, "", 0).NextBatch
		errs := make([]error, polls)
		ended := together(polls, func(i int) error {
			_, errs[i] = leaves.Sync(ctx, since, longPoll)
			return nil
		})
		// The instant moves on from round to round.
		<-time.After(time.Duration(round) * 200 * time.Microsecond)
		if err := leaves.Logout(ctx); err != nil {
			t.Fatal(err)
		}
		_ = ended()
		for _, err := range errs {
			if !unauthorized(err) {
				t.Fatalf("a poll ended with %v, want 401", err)
			}
		}
	}
	bob := server.Device("bob", "STAYS")
	receiver := testserver.NewReceiver(bob, ledger)
	send(t, alice, ledger, 1, everyDevice(bob))
	settle(t, ledger, receiver)
}

// unauthorized tells whether an error is the answer to a token that is not good, or
// not any more.
func unauthorized(err error) bool {
	var refused *testserver.Error
	return errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && refused.Code == "M_UNKNOWN_TOKEN"
}
