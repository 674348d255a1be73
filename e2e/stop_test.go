package e2e_test

import (
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// stopInTime stops a server, which must neither wait for anyone's patience to end
// nor call it a failure that somebody was in the middle of something.
func stopInTime(t *testing.T, server *testserver.Server) {
	t.Helper()
	began := time.Now()
	server.Stop() // fails the test if the exit code is not 0
	if took := time.Since(began); took > 2*atOnce {
		t.Errorf("%s took %v to stop", server.Name(), took)
	}
}

func TestStoppingTheServerEndsItsPolls(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE")
	var receivers []*testserver.Receiver
	var polls []*poll
	for _, id := range []string{"ONE", "TWO", "THREE"} {
		device := server.Device("bob", id)
		receiver := testserver.NewReceiver(device, ledger)
		receiver.Use(peek(t, device, "", 0))
		receivers = append(receivers, receiver)
		polls = append(polls, park(t, device, receiver.Since()))
	}
	began := time.Now()
	server.Stop()
	if took := time.Since(began); took > atOnce/2 {
		t.Errorf("the server took %v to stop", took)
	}
	for i, poll := range polls {
		if response, err := poll.end(t); err == nil {
			receivers[i].Use(response)
		}
	}
	server.Start()
	send(t, alice, ledger, 1, testserver.Device{User: server.UserID("bob"), ID: testserver.AllDevices})
	settle(t, ledger, receivers...)
}

func TestAClientThatStallsDoesNotKeepTheServerFromStopping(t *testing.T) {
	server := testserver.New(t)
	ledger := testserver.NewLedger()
	alice := server.Device("alice", "PHONE")
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, beginning := range []string{
		"", // has not said anything
		"PUT /_matrix/client/v3/sendToDevice/t/1 HTTP/1.1\r\nHost: x\r\nAuth",
		fmt.Sprintf("PUT /_matrix/client/v3/sendToDevice/t/1 HTTP/1.1\r\nHost: x\r\n"+
			"Authorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{\"messages\":", alice.Token),
	} {
		connection, err := net.Dial("tcp", address.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := connection.Write([]byte(beginning)); err != nil {
			t.Fatal(err)
		}
	}
	// The server has seen the three once it has answered a fourth.
	receiver := testserver.NewReceiver(alice, ledger)
	send(t, alice, ledger, 1, alice.Device)
	stopInTime(t, server)
	server.Start()
	settle(t, ledger, receiver)
}

func TestAPeerThatIsSilentDoesNotKeepTheServerFromStopping(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ledger := testserver.NewLedger()
	alice, bob := servers[0].Device("alice", "PHONE"), servers[1].Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	servers[1].Kill()
	gap := openGap(t, servers[1])
	send(t, alice, ledger, 1, bob.Device)
	connection, err := gap.listener.Accept() // and not a word
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	stopInTime(t, servers[0])
	servers[0].Start()
	gap.close()
	servers[1].Start()
	settle(t, ledger, receiver)
}
