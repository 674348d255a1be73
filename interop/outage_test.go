//go:build synapse

package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// ends are how a server goes down.
var ends = []struct {
	name string
	end  func(home)
}{
	{"stopped", home.Stop},
	{"killed", home.Kill},
}

// What a server accepts while the other is down, and before, arrives when that is
// back, with nothing done about it.
func TestWhatIsAcceptedForAServerThatIsDownArrives(t *testing.T) {
	const before, during = 100, 300
	p := newPair(t, nil)
	for i, way := range p.ways() {
		for _, end := range ends {
			t.Run(way.name+", "+end.name, func(t *testing.T) {
				ledger := testserver.NewLedger()
				name := fmt.Sprint(i, end.name)
				alice, bob := way.from.Device("alice"+name, "PHONE"), way.to.Device("bob"+name, "TABLET")
				receiver := newReceiver(bob, ledger)
				sent := make(chan error, 1)
				go func() {
					sender := testserver.Sender{Client: alice, Ledger: ledger, To: []testserver.Device{bob.Device}}
					sent <- sender.Send(within(t, late), before+during)
				}()
				if err := ledger.AwaitAccepted(within(t, late), before); err != nil {
					t.Fatal(err)
				}
				end.end(way.to)
				down := time.Now()
				gap := openGap(t, way.to)
				if err := <-sent; err != nil {
					t.Fatalf("the sender waits for a server that is down: %v", err)
				}
				t.Logf("%d messages accepted, the last %v after the other server went down", before+during, rounded(time.Since(down)))
				gap.awaitAttempts(t, 2)
				gap.close()
				way.to.Start()
				up := time.Now()
				drain(t, receiver)
				t.Logf("down for %v; all there %v after it was back", rounded(up.Sub(down)), rounded(time.Since(up)))
				settle(t, alice, ledger, receiver)
			})
		}
	}
}

// What a server accepted is sent after it was killed, with nothing done about it.
func TestWhatAServerAcceptedBeforeItWasKilledArrives(t *testing.T) {
	const messages = 100
	p := newPair(t, nil)
	for i, way := range p.ways() {
		t.Run(way.name, func(t *testing.T) {
			ledger := testserver.NewLedger()
			alice, bob := way.from.Device(fmt.Sprint("alice", i), "PHONE"), way.to.Device(fmt.Sprint("bob", i), "TABLET")
			receiver := newReceiver(bob, ledger)
			send(t, alice, ledger, 1, bob.Device)
			drain(t, receiver)
			way.to.Kill()
			gap := openGap(t, way.to)
			send(t, alice, ledger, messages, bob.Device)
			gap.awaitAttempts(t, 1)
			way.from.Kill()
			gap.close()
			way.to.Start()
			way.from.Start()
			up := time.Now()
			drain(t, receiver)
			t.Logf("all there %v after both were back", rounded(time.Since(up)))
			settle(t, alice, ledger, receiver)
		})
	}
}

// After an outage of minutes Synapse leaves a server alone for ten minutes, later for
// longer, unless it hears from it. Chappe says that it is back when it starts, and so
// gets at once what waits there. Here Synapse gives up after one retry instead of ten; its back-off is its own.
func TestChappeThatIsBackEndsTheBackOffOfSynapse(t *testing.T) {
	const messages = 50
	p := newPair(t, map[string]any{"federation": map[string]any{"max_long_retries": 1}})
	ledger := testserver.NewLedger()
	alice, bob := p.synapse.Device("alice", "PHONE"), p.chappe.Device("bob", "TABLET")
	admin := p.synapse.admin()
	atBob := newReceiver(bob, ledger)
	send(t, alice, ledger, 1, bob.Device)
	drain(t, atBob)
	p.chappe.Kill()
	send(t, alice, ledger, messages, bob.Device)
	wait := p.synapse.awaitBackOff(admin, p.chappe)
	p.chappe.Start()
	up := time.Now()
	t.Logf("Synapse leaves Chappe alone for %v", wait)
	drain(t, atBob)
	t.Logf("all there %v after Chappe was back", rounded(time.Since(up)))
	settle(t, alice, ledger, atBob)
}

// awaitBackOff waits until Synapse has given up on a server for a while, and tells
// for how long.
//
// https://element-hq.github.io/synapse/latest/usage/administration/admin_api/federation.html
func (s *synapse) awaitBackOff(admin *testserver.Client, from home) time.Duration {
	s.t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for ctx := within(s.t, late); ; {
		var answer struct {
			Interval int64 `json:"retry_interval"` // milliseconds
		}
		path := "/_synapse/admin/v1/federation/destinations/" + url.PathEscape(string(from.Name()))
		err := call(ctx, admin, http.MethodGet, path, nil, &answer)
		// Of a server that never failed it may know nothing.
		if refused := (*testserver.Error)(nil); err != nil && !(errors.As(err, &refused) && refused.Status == http.StatusNotFound) {
			s.t.Fatal(err)
		}
		if answer.Interval > 0 {
			return time.Duration(answer.Interval) * time.Millisecond
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			s.t.Fatalf("Synapse does not give up on %s within %v", from.Name(), late)
		}
	}
}

// A gap stands where a server is down, and sees who tries to reach it.
type gap struct{ listener net.Listener }

func openGap(t *testing.T, down home) *gap {
	t.Helper()
	listener, err := net.Listen("tcp", down.FederationAddress())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &gap{listener: listener}
}

// awaitAttempts returns when someone has tried so many times in vain.
func (g *gap) awaitAttempts(t *testing.T, attempts int) {
	t.Helper()
	ctx := within(t, late)
	stop := context.AfterFunc(ctx, g.close)
	defer stop()
	for range attempts {
		connection, err := g.listener.Accept()
		if err != nil {
			t.Fatalf("wait for %d attempts: %v", attempts, err)
		}
		_ = connection.Close()
	}
}

func (g *gap) close() { _ = g.listener.Close() }
