package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
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
	transport *http.Transport
	senders   []*sender
	receivers []*receiver
	from, to  *process // where senders and receivers are at home
}

// newLoad makes a load in which sender i sends to receiver i modulo their number.
// The processes are those where senders and receivers are at home; perSecond is
// the rate of all senders together, 0 for as fast as they get answers.
func (b *bench) newLoad(senders, receivers []person, from, to *process, perSecond float64) *load {
	l := &load{
		options:   b.options,
		say:       b.say,
		totals:    &totals{begin: time.Now()},
		transport: newTransport(),
		from:      from,
		to:        to,
	}
	codec := newCodec(b.size)
	for i, p := range senders {
		s := newSender(i, newSession(l.transport, from.address, p), receivers[i%len(receivers)], codec, l.totals)
		if perSecond > 0 {
			s.pace.interval = time.Duration(float64(len(senders)) / perSecond * float64(time.Second))
			s.pace.due = l.totals.begin.Add(s.pace.interval * time.Duration(i) / time.Duration(len(senders)))
		}
		l.senders = append(l.senders, s)
	}
	for i, p := range receivers {
		var mine []int
		for sender := i; sender < len(senders); sender += len(receivers) {
			mine = append(mine, sender)
		}
		l.receivers = append(l.receivers, &receiver{
			session: newSession(l.transport, to.address, p),
			codec:   codec,
			ledger:  newLedger(mine...),
			totals:  l.totals,
		})
	}
	return l
}

// run sends and receives for a while, measures in the middle of it, and checks at
// the end that every message that was accepted has arrived.
func (l *load) run(ctx context.Context) (r result, err error) {
	defer l.transport.CloseIdleConnections()
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

// startSenders starts the senders as workers who end when stop closes. The group
// it gives waits for them alone.
func (l *load) startSenders(ctx context.Context, workers *errgroup.Group, stop <-chan struct{}) *sync.WaitGroup {
	sending := new(sync.WaitGroup)
	sending.Add(len(l.senders))
	for _, s := range l.senders {
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

func (l *load) reading() (result, error) {
	cpu, err := cpuOf(l.from, l.to)
	return result{
		elapsed:   time.Since(l.totals.begin),
		accepted:  l.totals.accepted.Load(),
		delivered: l.totals.delivered.Load(),
		cpu:       cpu,
	}, err
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
	for _, r := range l.receivers {
		if err := r.finish(ctx); err != nil {
			return sum, fmt.Errorf("look for leftovers: %w", err)
		}
		sum = sum.plus(r.ledger.close(func(sender int) int64 { return l.senders[sender].accepted }))
	}
	return sum, nil
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
