package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// totals are what all senders and receivers of a load share.
type totals struct {
	begin     time.Time // of the generator's clock
	accepted  atomic.Int64
	delivered atomic.Int64
	measuring atomic.Bool
}

// A load is a number of senders and receivers at one or two servers.
type load struct {
	options
	say       func(format string, args ...any)
	totals    *totals
	senders   []*sender
	receivers []*receiver
	// cpu reads the processor time of the servers, nil where nobody knows it.
	cpu func() (cpu, error)
	// disconnect closes the connections that are idle.
	disconnect func()
}

// newLoad makes a load between some devices of the server or servers that run here, in
// which sender i sends to receiver i modulo their number. The processes are those where
// senders and receivers are at home; perSecond is the rate of all senders together, 0
// for as fast as they get answers.
func (b *bench) newLoad(senders, receivers []person, from, to *process, perSecond float64) *load {
	transport, codec := newTransport(), newCodec(b.size)
	l := &load{
		options: b.options, say: b.say, totals: &totals{begin: time.Now()},
		cpu:        func() (cpu, error) { return cpuOf(from, to) },
		disconnect: transport.CloseIdleConnections,
	}
	for i, p := range senders {
		l.addSender(newPlainOutlet(newSession(transport, from.address, p), receivers[i%len(receivers)], codec))
	}
	for _, p := range receivers {
		l.addReceiver(&plainInlet{session: newSession(transport, to.address, p), codec: codec}, len(receivers))
	}
	l.keepPace(perSecond)
	return l
}

func (l *load) addSender(o outlet) {
	l.senders = append(l.senders, &sender{number: len(l.senders), outlet: o, totals: l.totals})
}

// addReceiver adds one of so many receivers, when all senders are there.
func (l *load) addReceiver(i inlet, of int) {
	var mine []int
	for from := len(l.receivers); from < len(l.senders); from += of {
		mine = append(mine, from)
	}
	l.receivers = append(l.receivers, &receiver{inlet: i, ledger: newLedger(mine...), totals: l.totals})
}

// keepPace has the senders send so many messages a second together, 0 for as fast as
// they get answers.
func (l *load) keepPace(perSecond float64) {
	if perSecond == 0 {
		return
	}
	for _, s := range l.senders {
		s.pace.interval = time.Duration(float64(len(l.senders)) / perSecond * float64(time.Second))
	}
}

// run sends and receives for a while, measures in the middle of it, and checks at
// the end that every message that was accepted has arrived.
func (l *load) run(ctx context.Context) (r result, err error) {
	defer l.disconnect()
	// The first syncs may be long, and bring what is no business of this load.
	if err := l.finish(ctx); err != nil {
		return r, err
	}
	workers, working := errgroup.WithContext(ctx)
	polling, hangUp := context.WithCancel(working)
	defer hangUp()
	for _, r := range l.receivers {
		workers.Go(func() error { return r.run(polling) })
	}
	stop := make(chan struct{})
	sending := l.startSenders(working, workers, stop)

	r, err = l.measure(working)
	close(stop)
	sending.Wait()
	r.backlog = l.totals.accepted.Load() - l.totals.delivered.Load()
	l.drain(working)
	hangUp()
	// The first failure of a worker is the cause of every other.
	if failed := workers.Wait(); failed != nil || err != nil {
		return r, cmp.Or(failed, err)
	}
	r.latencies = l.sortedLatencies()
	r.verdict, err = l.close(ctx)
	return r, err
}

// startSenders starts the senders as workers who end when stop closes, their paces
// evenly shifted. The group it gives waits for them alone.
func (l *load) startSenders(ctx context.Context, workers *errgroup.Group, stop <-chan struct{}) *sync.WaitGroup {
	sending := new(sync.WaitGroup)
	sending.Add(len(l.senders))
	now := time.Now()
	for i, s := range l.senders {
		s.pace.due = now.Add(s.pace.interval * time.Duration(i) / time.Duration(len(l.senders)))
		workers.Go(func() error {
			defer sending.Done()
			return s.run(ctx, stop)
		})
	}
	return sending
}

// measure warms up and takes the difference that the measured time makes.
func (l *load) measure(ctx context.Context) (result, error) {
	l.say("  warming up for %v, measuring for %v", l.warmup, l.measured)
	if err := pause(ctx, l.warmup); err != nil {
		return result{}, err
	}
	before, err := l.reading()
	if err != nil {
		return result{}, err
	}
	l.totals.measuring.Store(true)
	err = pause(ctx, l.measured)
	l.totals.measuring.Store(false)
	if err != nil {
		return result{}, err
	}
	after, err := l.reading()
	return after.minus(before), err
}

func (l *load) reading() (r result, err error) {
	r = result{
		elapsed:   time.Since(l.totals.begin),
		accepted:  l.totals.accepted.Load(),
		delivered: l.totals.delivered.Load(),
	}
	if l.cpu != nil {
		r.cpu, err = l.cpu()
	}
	return r, err
}

// drain waits until as much has arrived as was accepted, or the time for that is
// over. What is missing then counts as lost.
func (l *load) drain(ctx context.Context) {
	begin := time.Now()
	accepted := l.totals.accepted.Load()
	for l.totals.delivered.Load() < accepted && time.Since(begin) < l.drainFor {
		if pause(ctx, 5*time.Millisecond) != nil {
			return
		}
	}
	l.say("  drained after %v: accepted %d, delivered %d", time.Since(begin).Round(time.Millisecond), accepted, l.totals.delivered.Load())
}

// close looks for what should not be there any more, and adds up the ledgers.
func (l *load) close(ctx context.Context) (sum verdict, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.drainFor+10*time.Second)
	defer cancel()
	if err := l.finish(ctx); err != nil {
		return sum, err
	}
	for _, r := range l.receivers {
		sum = sum.plus(r.ledger.close(func(sender int) int64 { return l.senders[sender].accepted }))
	}
	return sum, nil
}

// finish has each receiver sync until nothing comes.
func (l *load) finish(ctx context.Context) error {
	for _, r := range l.receivers {
		if err := r.finish(ctx); err != nil {
			return fmt.Errorf("sync to the end: %w", err)
		}
	}
	return nil
}

// pause waits, unless ctx ends first: then it gives the cause.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
