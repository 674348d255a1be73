package arrtm_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

func restart(t *testing.T, p *program) {
	comeBack(t, p, (*testserver.Server).Stop)
}

func restartAfterKill(t *testing.T, p *program) {
	p.expectErrors()
	comeBack(t, p, (*testserver.Server).Kill)
}

// comeBack ends a server under its clients and starts it again: they return by themselves
// and find everything as it was.
func comeBack(t *testing.T, p *program, end func(*testserver.Server)) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	eve := p.client(t, server, ledger, "eve")
	a, b := ann.joined("room"), bob.joined("room")
	ann.call(nil, "setLocalUserAttributes", attributes{"name": "Ann"})
	for range 5 {
		ann.sendTo(bob, received)
		ann.sendTo(eve, unreceived)
		a.say(bob)
	}
	// All is confirmed now: the server answers only after it has read that.
	for bob.p.pending(bob.name, "sent RecvMsgFromPeerAck") < 5 {
		bob.roundTrip()
	}
	bob.roundTrip()
	end(server)
	ann.state("RECONNECTING")
	bob.state("RECONNECTING")
	server.Start()
	for _, c := range []*client{ann, bob} {
		c.state("CONNECTED")
		c.await("got JoinChannel") // of the first time
		c.await("got JoinChannel")
	}
	a.members("ann", "bob")
	a.say(bob)
	b.say(ann)
	bob.sendTo(ann, received)
	ann.sendTo(eve, unreceived)
	eve.login("")
	ann.sendTo(eve, received)
	var shown attributes
	bob.call(&shown, "getUserAttributes", "ann")
	if shown["name"] != "Ann" {
		t.Errorf("the attributes are %v", shown)
	}
	settle(t, ledger, ann, bob, eve)
}

func restartsInConversation(t *testing.T, p *program) {
	ledger := talkThrough(t, p, (*testserver.Server).Stop)
	ledger.Check(t)
}

// What came to the client, and whose confirmation did not reach the server's disk, may
// come again: the SDK takes every message for a new one.
func killsInConversation(t *testing.T, p *program) {
	p.expectErrors()
	report := talkThrough(t, p, (*testserver.Server).Kill).Report()
	t.Log(report)
	if report.Lost > 0 || report.OutOfOrder > 0 || report.Unexpected > 0 {
		t.Error("see above")
	}
}

// talkThrough lets two clients write to one another while their server ends and comes
// back, and again.
func talkThrough(t *testing.T, p *program, end func(*testserver.Server)) *testserver.Ledger {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	ctx, hush := context.WithCancel(within(t))
	var talking sync.WaitGroup
	talking.Go(func() { ann.talk(ctx, bob) })
	talking.Go(func() { bob.talk(ctx, ann) })
	defer talking.Wait()
	defer hush()
	for i := range 2 {
		if err := ledger.AwaitAccepted(within(t), 60*(i+1)); err != nil {
			t.Fatal(err)
		}
		end(server)
		server.Start()
	}
	if err := ledger.AwaitAccepted(within(t), 180); err != nil {
		t.Fatal(err)
	}
	hush()
	talking.Wait()
	arrive(t, ledger)
	ann.roundTrip()
	bob.roundTrip()
	return ledger
}

// talk sends one message after the other until ctx ends.
func (c *client) talk(ctx context.Context, to *client) {
	for ctx.Err() == nil {
		if c.send(to.device, to.uid) == unsent {
			_, _ = c.p.next(c.name, "got Login", 5*time.Second)
		}
	}
}
