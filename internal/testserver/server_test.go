package testserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestServerKeepsItsDataAndAddressOverEveryEnd(t *testing.T) {
	server := testserver.New(t)
	alice := server.Device("alice", "PHONE")
	url := server.URL()
	for _, round := range []struct {
		name string
		end  func()
	}{
		{"killed", server.Kill},
		{"stopped", server.Stop},
	} {
		round.end()
		if _, err := alice.Sync(t.Context(), "", 0); err == nil {
			t.Fatalf("%s, it still answers", round.name)
		}
		server.Start()
		if server.URL() != url {
			t.Errorf("%s, it came back at %s instead of %s", round.name, server.URL(), url)
		}
		if _, err := alice.Sync(t.Context(), "", 0); err != nil {
			t.Errorf("%s, it does not know the device any more: %v", round.name, err)
		}
	}
}

func TestServersShareNothing(t *testing.T) {
	one, other := testserver.New(t), testserver.New(t)
	if one.URL() == other.URL() || one.DataDir() == other.DataDir() {
		t.Fatalf("both are at %s with %s", one.URL(), one.DataDir())
	}
	token := one.Device("alice", "PHONE").Token
	stranger := other.Client()
	stranger.Token = token
	answer, err := stranger.Do(t.Context(), testserver.Request{Method: http.MethodGet, Path: "/_matrix/client/v3/account/whoami"})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != http.StatusUnauthorized {
		t.Errorf("the other server answers %d to a token of the first", answer.Status)
	}
}

func TestTheLogOfEveryStartIsKept(t *testing.T) {
	server := testserver.New(t)
	server.Kill() // only of a process that has ended is the log known to be whole
	before := strings.Count(server.Log(), "\n")
	server.Start()
	server.Kill()
	if after := strings.Count(server.Log(), "\n"); after <= before || before == 0 {
		t.Errorf("%d lines after the first start, %d after the second", before, after)
	}
}

// The whole of it, at its smallest: see the tests in e2e for what is promised.
func TestSenderAndReceiverSatisfyTheLedger(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice, bob := server.Device("alice", "PHONE"), server.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	sender := testserver.Sender{Client: alice, Ledger: ledger, To: []testserver.Device{{User: bob.Device.User, ID: testserver.AllDevices}}}
	done := make(chan struct{})
	received := make(chan error, 1)
	go func() { received <- receiver.Run(t.Context(), done) }()
	if err := sender.Send(t.Context(), 150); err != nil {
		t.Error(err)
	}
	close(done)
	select {
	case err := <-received:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the receiver does not end")
	}
	if report := ledger.Report(); report.Accepted != 150 || report.Delivered != 150 {
		t.Errorf("got %v, want 150 of both", report)
	}
	ledger.Check(t)
}
