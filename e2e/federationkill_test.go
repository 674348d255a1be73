package e2e_test

import (
	"testing"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	killRounds = 50
	// fewKillRounds are for those in a hurry, and for the race detector, under which a
	// process takes several times as long to start.
	fewKillRounds = 15
	// briefBackoff, the shortest there is, keeps servers from leaving each other alone for
	// most of the test.
	briefBackoff = time.Second
)

// Two servers send to each other all the time, and again and again one of them, or
// both, are killed. No round waits for what the rounds before have left in the
// queues.
func TestKillOfEitherServerLosesAndRepeatsNothing(t *testing.T) {
	rounds := killRounds
	if raceDetector || testing.Short() {
		rounds = fewKillRounds
	}
	random := seeded(t)
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	for _, server := range servers {
		server.Configure(func(c *config.Config) { c.Federation.MaxBackoff = briefBackoff })
		server.Restart()
	}
	load := newTwoWayLoad(t, servers)
	ctx := within(t, 5*time.Minute)
	receiving := load.receive(ctx)
	var kills [2]int
	for range rounds {
		sending := load.send(ctx)
		load.awaitRandomInstant(t, ctx, random)
		order := random.Perm(len(servers))
		victims := order[:1+random.IntN(len(order))]
		for _, i := range victims {
			kills[i]++
			servers[i].Kill()
		}
		for _, i := range victims {
			servers[i].Start()
		}
		if err := sending(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rounds (%d under the race detector or with -short): %s was killed %d times, %s %d times",
		rounds, fewKillRounds, servers[0].Name(), kills[0], servers[1].Name(), kills[1])
	if err := receiving(); err != nil {
		t.Error(err)
	}
	load.ledger.Check(t)
	awaitEmptyQueues(t, servers...)
	for _, r := range load.receivers {
		if events, err := r.Sync(within(t, atOnce), 0); err != nil || events > 0 {
			t.Errorf("after all that, a device got %d more events, %v", events, err)
		}
	}
}

// newTwoWayLoad is two devices at each of two servers that send to the same six:
// three here, three there.
func newTwoWayLoad(t *testing.T, servers []*testserver.Server) *load {
	l := &load{ledger: testserver.NewLedger()}
	var to []testserver.Device
	for _, server := range servers {
		carol, cid := server.Device("carol", "C1"), server.Device("cid", "C3")
		for _, c := range []*testserver.Client{carol, server.Device("carol", "C2"), cid} {
			l.receivers = append(l.receivers, testserver.NewReceiver(c, l.ledger))
		}
		to = append(to, everyDevice(carol), cid.Device)
	}
	for _, server := range servers {
		for _, name := range []string{"alice", "bob"} {
			l.senders = append(l.senders, &testserver.Sender{Client: server.Device(name, "PHONE"), Ledger: l.ledger, To: to})
		}
	}
	return l
}
