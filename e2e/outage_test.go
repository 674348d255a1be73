package e2e_test

import (
	"net"
	"net/url"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A gap stands where a server is down, and sees who tries to reach it.
type gap struct {
	listener net.Listener
}

func openGap(t *testing.T, server *testserver.Server) *gap {
	t.Helper()
	address, err := url.Parse(server.FederationURL())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &gap{listener: listener}
}

// awaitAttempt returns when someone has tried to reach the server, in vain.
func (g *gap) awaitAttempt(t *testing.T) {
	t.Helper()
	tried := make(chan error, 1)
	go func() {
		connection, err := g.listener.Accept()
		if err == nil {
			err = connection.Close()
		}
		tried <- err
	}()
	select {
	case err := <-tried:
		if err != nil {
			t.Fatalf("wait for an attempt: %v", err)
		}
	case <-within(t, soon).Done():
		t.Fatalf("no attempt was made within %v", soon)
	}
}

func (g *gap) close() { _ = g.listener.Close() }

func TestAMessageArrivesOnceThePeerIsBack(t *testing.T) {
	for _, test := range []struct {
		name string
		down func(beta *testserver.Server)
		// meanwhile happens to the sending server between two of its attempts.
		meanwhile func(alpha *testserver.Server)
		known     bool // whether they have met before
	}{
		{"killed", (*testserver.Server).Kill, func(*testserver.Server) {}, true},
		{"stopped, and the sender restarted", (*testserver.Server).Stop, (*testserver.Server).Restart, true},
		{"killed, and the sender killed, too", (*testserver.Server).Kill, func(alpha *testserver.Server) {
			alpha.Kill()
			alpha.Start()
		}, true},
		{"down before they ever met", (*testserver.Server).Stop, (*testserver.Server).Restart, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for the next attempt
			servers := testserver.Federated(t, "alpha.test", "beta.test")
			alpha, beta := servers[0], servers[1]
			ledger := testserver.NewLedger()
			alice, bob := alpha.Device("alice", "PHONE"), beta.Device("bob", "TABLET")
			receiver := testserver.NewReceiver(bob, ledger)
			if test.known {
				send(t, alice, ledger, 1, bob.Device)
				settle(t, ledger, receiver)
			}
			test.down(beta)
			gap := openGap(t, beta)
			sender := testserver.Sender{Client: alice, Ledger: ledger, To: []testserver.Device{bob.Device, everyDevice(alice)}}
			if err := sender.Send(within(t, atOnce), 5); err != nil {
				t.Fatalf("the sender waits for a peer that is down: %v", err)
			}
			gap.awaitAttempt(t)
			test.meanwhile(alpha)
			gap.awaitAttempt(t)
			gap.close()
			beta.Start()
			settle(t, ledger, receiver)
			awaitEmptyQueues(t, servers...)
		})
	}
}

// One peer's silence is no other's business.
func TestAPeerThatIsDownDelaysNoOther(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test", "gamma.test")
	ledger := testserver.NewLedger()
	alice := servers[0].Device("alice", "PHONE")
	bob, cid := servers[1].Device("bob", "TABLET"), servers[2].Device("cid", "WATCH")
	atBob, atCid := testserver.NewReceiver(bob, ledger), testserver.NewReceiver(cid, ledger)
	servers[1].Kill()
	gap := openGap(t, servers[1])
	send(t, alice, ledger, 10, bob.Device, cid.Device)
	if err := atCid.Drain(within(t, soon)); err != nil {
		t.Error(err)
	}
	gap.awaitAttempt(t)
	gap.close()
	servers[1].Start()
	settle(t, ledger, atBob, atCid)
}
