package simulation

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	// settleTime is how long after the last fault everything must have come: the
	// longest back-off there is, and some.
	settleTime = 75 * time.Minute
	// checkEvery is how often it is looked whether a disk has gone off.
	checkEvery = 50 * time.Millisecond
)

// Options say which run it is to be.
type Options struct {
	Seed uint64
	// Messages is about how many are sent, each to some devices.
	Messages int
	// AllFaults has every kind of fault happen in the run, and not only some.
	AllFaults bool
	Bug       Bug
	// Folder is an empty one for the disks.
	Folder string
}

// A Result is what a run showed.
type Result struct {
	testserver.Report
	Servers, Messages int
	// DeviceLists counts the device lists that servers have of users of others, Differ
	// names those that were not right in the end.
	DeviceLists int
	Differ      []string
	Faults      Faults
	// Simulated is how long the run took in its own time.
	Simulated time.Duration
	// Trace tells what happened, line by line.
	Trace []string
}

// A world is a federation in a run.
type world struct {
	plan    plan
	tally   *tally
	net     *network
	nodes   []*node
	ledger  *testserver.Ledger
	clients []*testserver.Client
}

// Run runs one seed. It is to be called within a bubble of testing/synctest. An
// error says that the run broke off; what went wrong with messages is in the
// report.
func Run(ctx context.Context, o Options) (Result, error) {
	w, err := newWorld(o)
	defer w.close()
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	result := Result{Servers: len(w.nodes), Messages: w.plan.messages * len(w.clients)}
	if err = w.play(ctx, o); err == nil {
		result.DeviceLists, result.Differ, err = w.agree(ctx)
	}
	result.Report, result.Simulated = w.ledger.Report(), time.Since(began)
	result.Faults, result.Trace = w.tally.result()
	return result, err
}

func newWorld(o Options) (*world, error) {
	p := planFor(o.Seed, o.Messages, o.AllFaults)
	w := &world{plan: p, tally: &tally{began: time.Now(), faults: Faults{}}, ledger: testserver.NewLedger()}
	w.net = &network{
		seed: o.Seed, plan: p, tally: w.tally,
		links: make(map[string]*link), cut: make(map[string]time.Time),
	}
	byName := make(map[string]*node)
	w.net.find = func(name string) *instance {
		if n := byName[name]; n != nil {
			return n.running()
		}
		return nil
	}
	hosts := make(map[spec.ServerName]string)
	for _, name := range p.servers {
		hosts[name] = "192.0.2.1:8448" // never dialled: the network goes by names
	}
	for _, name := range p.servers {
		n := &node{
			name: name, folder: filepath.Join(o.Folder, string(name)), bug: o.Bug,
			chance: chanceOf(o.Seed, "node "+string(name)), tally: w.tally, net: w.net, hosts: hosts,
		}
		byName[string(name)] = n
		w.nodes = append(w.nodes, n)
		tokens, err := n.prepare(p.devices)
		if err != nil {
			return w, fmt.Errorf("prepare %s: %w", name, err)
		}
		for _, d := range p.devices {
			if token, ok := tokens[d]; ok {
				transport := w.net.from(d.String())
				w.clients = append(w.clients, testserver.ClientOver(transport, "http://"+string(name), d, token))
			}
		}
		if err := n.start(); err != nil {
			return w, fmt.Errorf("start %s: %w", name, err)
		}
	}
	return w, nil
}

// close ends what is left of a run.
func (w *world) close() {
	for _, n := range w.nodes {
		_ = n.end(false) // what it has to say was in the report
		if n.disk != nil {
			n.disk.Close()
		}
	}
}

// play lets every device send and receive while everything goes wrong, then ends
// the faults, and returns when everything has come and was confirmed.
func (w *world) play(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var faults, senders, receivers sync.WaitGroup
	errs := make(chan error, len(w.clients)*2+len(w.nodes)*3)
	run := func(group *sync.WaitGroup, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				errs <- err
				cancel()
			}
		})
	}
	harm, heal := context.WithCancel(ctx)
	defer heal()
	for _, n := range w.nodes {
		run(&faults, func() error { return w.outages(harm, n) })
	}
	run(&faults, func() error { w.partitions(harm, chanceOf(o.Seed, "partitions")); return nil })

	sent := make(chan struct{})
	settled, giveUp := context.WithCancel(ctx)
	defer giveUp()
	for _, c := range w.clients {
		receiver := testserver.NewReceiver(c, w.ledger)
		start := chanceOf(o.Seed, "receiver "+c.Device.String()).between(0, 100*time.Millisecond)
		run(&receivers, func() error {
			if err := pass(ctx, start); err != nil { // not all in one instant
				return err
			}
			return receiver.Run(settled, sent)
		})
	}
	for _, c := range w.clients {
		run(&senders, func() error { return w.send(ctx, c, chanceOf(o.Seed, "sender "+c.Device.String())) })
	}
	senders.Wait()
	_ = pass(ctx, 10*time.Second)
	heal()
	faults.Wait()
	w.net.heal()
	w.tally.say("the faults end")
	close(sent)
	timer := time.AfterFunc(settleTime, giveUp)
	defer timer.Stop()
	receivers.Wait()
	cancel()
	time.Sleep(3 * time.Minute) // what is still on its way arrives, or gives up
	close(errs)
	var all []error
	for err := range errs {
		if !errors.Is(err, context.Canceled) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// send sends a device's messages one after the other.
func (w *world) send(ctx context.Context, c *testserver.Client, chance chance) error {
	keys := 0
	for range w.plan.messages {
		if keys == 0 || chance.happens(0.05) {
			keys++
			if err := w.changeKeys(ctx, c, keys); err != nil {
				return err
			}
		}
		if err := pass(ctx, chance.between(0, w.plan.pause)); err != nil {
			return err
		}
		sender := testserver.Sender{Client: c, Ledger: w.ledger, To: w.plan.recipients(chance)}
		if err := sender.Send(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// outages crashes a node now and then, at any moment or in the middle of a write,
// lets writes fail and moves the clock, until ctx ends. At its end the node runs, on a sound disk.
func (w *world) outages(ctx context.Context, n *node) error {
	p, c := w.plan, chanceOf(n.chance.Uint64(), "outages")
	nextOutage, nextFault, nextClock := after(c, p.outages), after(c, p.writeFaults), after(c, p.clocks)
	failed := 0
	for pass(ctx, checkEvery) == nil {
		state := n.disk.State()
		if state.Failed > failed {
			w.tally.note(writeFailed, state.Failed-failed, "%s", n.name)
			failed = state.Failed
		}
		if nextFault.past() {
			n.disk.FailAt(1 + c.IntN(4))
			nextFault = after(c, p.writeFaults)
		}
		if nextClock.past() {
			ahead := time.Duration(c.Float64()*2*float64(p.skew)) - p.skew
			w.tally.note(clockMoved, 1, "%s by %v", n.name, ahead)
			n.moveClock(ahead)
			nextClock = after(c, p.clocks)
		}
		switch {
		case state.Off:
			w.tally.note(powerFailed, 1, "%s", n.name)
		case !nextOutage.past():
			continue
		case c.happens(0.5): // one of the next writes is its last
			n.disk.PowerOffAt(1 + c.IntN(12))
			nextOutage = after(c, p.outages)
			continue
		default:
			w.tally.note(crashed, 1, "%s", n.name)
		}
		if err := n.crash(c.between(10*time.Millisecond, p.outage)); err != nil {
			return err
		}
		nextOutage = after(c, p.outages)
	}
	n.disk.FailAt(0)
	n.disk.PowerOffAt(0)
	if n.disk.State().Off {
		return n.crash(time.Second)
	}
	return nil
}

// A moment is a time to come, or never.
type moment struct{ time.Time }

// after gives a moment that is away by this time on average; 0 stands for never.
func after(c chance, mean time.Duration) moment {
	if mean == 0 {
		return moment{}
	}
	return moment{time.Now().Add(c.between(mean/10, 3*mean))}
}

func (m moment) past() bool { return !m.IsZero() && !time.Now().Before(m.Time) }

// partitions cuts servers off from each other now and then, until ctx ends.
func (w *world) partitions(ctx context.Context, c chance) {
	if w.plan.partitions == 0 {
		return
	}
	for pass(ctx, c.between(0, 2*w.plan.partitions)) == nil {
		a, b := pick(c, w.nodes), pick(c, w.nodes)
		both, length := c.happens(0.7), c.between(time.Second, w.plan.partition)
		w.tally.say("no way from %s to %s for %v", a.name, b.name, length)
		w.net.partition(string(a.name), string(b.name), both, length)
	}
}
