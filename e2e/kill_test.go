package e2e_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	senders  = 4
	perRound = 12 // messages of each sender
)

func TestKillSendingServer(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	killUnderLoad(t, servers, servers[0])
}

func TestKillReceivingServer(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	killUnderLoad(t, servers, servers[1])
}

// killUnderLoad sends from the first server to devices there and at the second, and
// kills one of them at random instants. CHAPPE_SEED repeats the choices of a run,
// though not the instants as the machine had them.
func killUnderLoad(t *testing.T, servers []*testserver.Server, victim *testserver.Server) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	random := seeded(t)
	load := newLoad(t, servers)
	ctx := within(t, 5*time.Minute)
	receiving := load.receive(ctx)
	for range rounds {
		sending := load.send(ctx)
		load.awaitRandomInstant(t, ctx, random)
		victim.Kill()
		victim.Start()
		if err := sending(); err != nil {
			t.Fatal(err)
		}
		// A server that was away is tried again after a while. Until then there would be
		// little to interrupt.
		if err := load.ledger.AwaitNothingMissing(ctx); err != nil {
			t.Errorf("not everything arrived: %v", err)
			break
		}
	}
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

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("CHAPPE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CHAPPE_SEED: %v", err)
		}
	}
	t.Logf("CHAPPE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A load is four devices that send to six: by name and to all of a user, here and
// at the other server, in the same requests.
type load struct {
	ledger    *testserver.Ledger
	senders   []*testserver.Sender
	receivers []*testserver.Receiver
	sent      int // messages that were begun in the rounds before
	used      int // events that they made
}

func newLoad(t *testing.T, servers []*testserver.Server) *load {
	l := &load{ledger: testserver.NewLedger()}
	receive := func(c *testserver.Client) *testserver.Client {
		l.receivers = append(l.receivers, testserver.NewReceiver(c, l.ledger))
		return c
	}
	alpha, beta := servers[0], servers[1]
	carol := receive(alpha.Device("carol", "C1"))
	receive(alpha.Device("carol", "C2"))
	bob := receive(beta.Device("bob", "B1"))
	receive(beta.Device("bob", "B2"))
	bea := receive(beta.Device("bea", "B3"))
	ben := receive(beta.Device("ben", "B4"))
	for i := range senders {
		l.senders = append(l.senders, &testserver.Sender{
			Client: alpha.Device("sender"+strconv.Itoa(i), "S"+strconv.Itoa(i)), Ledger: l.ledger,
			To: []testserver.Device{everyDevice(carol), everyDevice(bob), bea.Device, ben.Device},
		})
	}
	return l
}

// send begins a round. The function it gives waits for all its answers.
func (l *load) send(ctx context.Context) (wait func() error) {
	return together(len(l.senders), func(i int) error { return l.senders[i].Send(ctx, perRound) })
}

// receive lets every receiver sync until the function it gives is called, which
// waits until all have everything.
func (l *load) receive(ctx context.Context) (finish func() error) {
	done := make(chan struct{})
	wait := together(len(l.receivers), func(i int) error { return l.receivers[i].Run(ctx, done) })
	return func() error {
		close(done)
		return wait()
	}
}

// together does n things at once. The function it gives waits for them.
func together(n int, do func(i int) error) (wait func() error) {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = do(i) })
	}
	return func() error {
		group.Wait()
		return errors.Join(errs...)
	}
}

// awaitRandomInstant waits for a random share of the round's messages to be
// accepted, or of its events to be used, and then for a moment more: so the kill
// falls into every phase, on a slow machine and on a fast one.
func (l *load) awaitRandomInstant(t *testing.T, ctx context.Context, random *rand.Rand) {
	messages := perRound * len(l.senders)
	events := messages * len(l.receivers)
	var err error
	if random.IntN(2) == 0 {
		err = l.ledger.AwaitAccepted(ctx, l.sent+random.IntN(messages))
	} else {
		err = l.ledger.AwaitUsed(ctx, l.used+random.IntN(events))
	}
	if err != nil {
		t.Fatalf("the round does not come to its instant: %v", err)
	}
	<-time.After(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
	l.sent += messages
	l.used += events
}
