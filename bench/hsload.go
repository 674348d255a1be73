package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// An hsLoad is a number of senders and receivers at a homeserver.
type hsLoad struct {
	options
	h         *homeserver
	totals    *totals
	senders   []*hsSender
	receivers []*hsReceiver
}

// An hsResult is what a load did while it was measured.
type hsResult struct {
	result
	limited, failed int64 // as homeserver counts them, of the whole load
}

// newLoad makes a load in which sender i sends to receiver i modulo their number;
// perSecond is the rate of all senders together, 0 for as fast as they get answers.
func (h *homeserver) newLoad(o options, senders, receivers []*hsAccount, perSecond float64) *hsLoad {
	l := &hsLoad{options: o, h: h, totals: &totals{begin: time.Now()}}
	codec := newCodec(o.size)
	tag := strings.ToLower(rand.Text()[:8])
	for i, a := range senders {
		s := &hsSender{h: h, number: i, account: a, to: receivers[i%len(receivers)], codec: codec, totals: l.totals, tag: tag}
		if perSecond > 0 {
			s.pace.interval = time.Duration(float64(len(senders)) / perSecond * float64(time.Second))
		}
		l.senders = append(l.senders, s)
	}
	for i, a := range receivers {
		mine := make(map[int]string)
		for sender := i; sender < len(senders); sender += len(receivers) {
			mine[sender] = senders[sender].userID
		}
		ledger := newLedger(slices.Collect(maps.Keys(mine))...)
		l.receivers = append(l.receivers, &hsReceiver{
			h: h, account: a, codec: codec, ledger: ledger, totals: l.totals, tag: tag, senders: mine,
		})
	}
	return l
}

// run sends and receives for a while, measures in the middle of it, and checks at the end
// that every message that was accepted has arrived.
func (l *hsLoad) run(ctx context.Context) (r hsResult, err error) {
	limited, failed := l.h.limited.Load(), l.h.failed.Load()
	// The initial syncs may be long, and bring what is no business of this load.
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
	r.result, err = l.measure(working)
	close(stop)
	sending.Wait()
	l.drain(working)
	hangUp()
	// The first failure of a worker is the cause of every other.
	if failed := workers.Wait(); failed != nil || err != nil {
		return r, cmp.Or(failed, err)
	}
	if err := l.finish(ctx); err != nil {
		return r, err
	}
	l.close(&r.result)
	r.limited, r.failed = l.h.limited.Load()-limited, l.h.failed.Load()-failed
	return r, nil
}

// startSenders starts the senders as workers who end when stop closes, their paces evenly
// shifted. The group it gives waits for them alone.
func (l *hsLoad) startSenders(ctx context.Context, workers *errgroup.Group, stop <-chan struct{}) *sync.WaitGroup {
	sending := new(sync.WaitGroup)
	now := time.Now()
	for i, s := range l.senders {
		s.pace.due = now.Add(s.pace.interval * time.Duration(i) / time.Duration(len(l.senders)))
		sending.Add(1)
		workers.Go(func() error {
			defer sending.Done()
			return s.run(ctx, stop)
		})
	}
	return sending
}

// measure warms up and takes the difference that the measured time makes.
func (l *hsLoad) measure(ctx context.Context) (result, error) {
	l.h.say("  warming up for %v, measuring for %v", l.warmup, l.measured)
	if err := pause(ctx, l.warmup); err != nil {
		return result{}, err
	}
	before := l.reading()
	l.totals.measuring.Store(true)
	err := pause(ctx, l.measured)
	l.totals.measuring.Store(false)
	return l.reading().minus(before), err
}

func (l *hsLoad) reading() result {
	return result{
		elapsed:   time.Since(l.totals.begin),
		accepted:  l.totals.accepted.Load(),
		delivered: l.totals.delivered.Load(),
	}
}

// drain waits until as much has arrived as was accepted, or the time for that is over.
// What is missing then counts as lost.
func (l *hsLoad) drain(ctx context.Context) {
	begin := time.Now()
	accepted := l.totals.accepted.Load()
	for l.totals.delivered.Load() < accepted && time.Since(begin) < l.drainFor {
		if pause(ctx, 5*time.Millisecond) != nil {
			return
		}
	}
	l.h.say("  drained after %v: accepted %d, delivered %d", time.Since(begin).Round(time.Millisecond), accepted, l.totals.delivered.Load())
}

// finish has each receiver sync until nothing of the load comes.
func (l *hsLoad) finish(ctx context.Context) error {
	for _, r := range l.receivers {
		if err := r.finish(ctx); err != nil {
			return fmt.Errorf("sync to the end: %w", err)
		}
	}
	return nil
}

// close adds up ledgers and latencies, when nothing more can come.
func (l *hsLoad) close(r *result) {
	for _, receiver := range l.receivers {
		r.verdict = r.verdict.plus(receiver.ledger.close(func(sender int) int64 { return l.senders[sender].accepted }))
		r.latencies = append(r.latencies, receiver.latencies...)
	}
	slices.Sort(r.latencies)
}
