package e2e_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/testserver"
)

// The first transaction of an unknown server makes the receiver ask for its keys.
// If that question gets lost, the next transaction must be able to ask again soon:
// a sender that gets 401 for a minute tries ever less often.
func TestOneLostQuestionForKeysDelaysLittle(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alpha, beta := servers[0], servers[1]
	ledger := testserver.NewLedger()
	alice, bob := alpha.Device("alice", "PHONE"), beta.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, ledger)
	way := badWay(t, alpha, 1)
	beta.Stop()
	beta.Configure(func(c *config.Config) { c.Federation.Hosts[alpha.Name()] = way })
	beta.Start()
	began := time.Now()
	send(t, alice, ledger, 1, bob.Device)
	settle(t, ledger, receiver)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the message took %v", took.Round(time.Second))
	}
}

// badWay gives an address that leads to a server's federation, but for the first
// connections, which break off.
func badWay(t *testing.T, to *testserver.Server, breaks int) (address string) {
	t.Helper()
	target, err := url.Parse(to.FederationURL())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var pipes sync.WaitGroup
	t.Cleanup(func() {
		end()
		_ = listener.Close()
		pipes.Wait()
	})
	pipes.Go(func() {
		for made := 0; ; made++ {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			if made < breaks {
				_ = near.Close()
				continue
			}
			pipes.Go(func() { lead(ctx, near, target.Host) })
		}
	})
	return listener.Addr().String()
}

// lead copies both ways between a connection and an address, until one side ends or
// ctx does.
func lead(ctx context.Context, near net.Conn, address string) {
	defer near.Close()
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	context.AfterFunc(ctx, func() {
		_ = near.Close()
		_ = far.Close()
	})
	go func() {
		defer end()
		_, _ = io.Copy(near, far)
	}()
	_, _ = io.Copy(far, near)
}
