package main

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A request is what a worker does again and again: one request, and a look at the
// answer. Each has a number of its own, from 0. It gives how many units, keys perhaps,
// it was about.
type request func(ctx context.Context, worker, number int) (units int, err error)

// A crew is a number of workers who make requests of one process, each one after the
// other and as fast as it gets answers.
type crew struct {
	process *process
	workers int
	do      request
	// limit is how many requests there are to make, 0 for any number.
	limit     int64
	next      atomic.Int64 // the number of the next request
	measuring atomic.Bool
	requests  atomic.Int64
	units     atomic.Int64
	// latencies are, for each worker, those of requests that were answered while it was
	// measured. They are read when the workers have ended.
	latencies [][]time.Duration
}

// A tally is what a crew did while it was measured.
type tally struct {
	elapsed         time.Duration
	requests, units int64
	cpu             time.Duration // of the server
	latencies       []time.Duration
}

// workOff makes so many requests, and measures from the first to the last.
func workOff(ctx context.Context, p *process, workers, requests int, do request) (tally, error) {
	c := &crew{process: p, workers: workers, do: do, limit: int64(requests)}
	c.measuring.Store(true)
	before, begin, err := c.reading()
	if err != nil {
		return tally{}, err
	}
	group, _ := c.start(ctx, nil)
	if err := group.Wait(); err != nil {
		return tally{}, err
	}
	t, err := c.since(before, begin)
	t.latencies = c.sortedLatencies()
	return t, err
}

// workFor makes requests for a while, and measures in the middle of it.
func (b *bench) workFor(ctx context.Context, p *process, workers int, measured time.Duration, do request) (tally, error) {
	b.say("  warming up for %v, measuring for %v", b.warmup, measured)
	c := &crew{process: p, workers: workers, do: do}
	stop := make(chan struct{})
	group, working := c.start(ctx, stop)
	t, err := c.measure(working, b.warmup, measured)
	close(stop)
	// The first failure of a worker is the cause of every other.
	if failed := group.Wait(); failed != nil || err != nil {
		return tally{}, cmp.Or(failed, err)
	}
	t.latencies = c.sortedLatencies()
	return t, nil
}

func (c *crew) measure(ctx context.Context, warmup, measured time.Duration) (tally, error) {
	if err := pause(ctx, warmup); err != nil {
		return tally{}, err
	}
	before, begin, err := c.reading()
	if err != nil {
		return tally{}, err
	}
	c.measuring.Store(true)
	err = pause(ctx, measured)
	c.measuring.Store(false)
	if err != nil {
		return tally{}, err
	}
	return c.since(before, begin)
}

// start starts the workers. They end when the requests are made, or stop closes. The
// context it gives ends when one fails.
func (c *crew) start(ctx context.Context, stop <-chan struct{}) (*errgroup.Group, context.Context) {
	c.latencies = make([][]time.Duration, c.workers)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range c.workers {
		group.Go(func() error { return c.work(ctx, stop, worker) })
	}
	return group, ctx
}

func (c *crew) work(ctx context.Context, stop <-chan struct{}, worker int) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		number := c.next.Add(1) - 1
		if c.limit > 0 && number >= c.limit {
			return nil
		}
		begin := time.Now()
		units, err := c.do(ctx, worker, int(number))
		if err != nil {
			return err
		}
		c.requests.Add(1)
		c.units.Add(int64(units))
		if c.measuring.Load() {
			c.latencies[worker] = append(c.latencies[worker], time.Since(begin))
		}
	}
}

// reading is the state of the counters, as a tally to be subtracted, and its time.
func (c *crew) reading() (tally, time.Time, error) {
	cpu, err := c.process.cpuTime()
	return tally{requests: c.requests.Load(), units: c.units.Load(), cpu: cpu}, time.Now(), err
}

func (c *crew) since(before tally, begin time.Time) (tally, error) {
	after, end, err := c.reading()
	return tally{
		elapsed:  end.Sub(begin),
		requests: after.requests - before.requests,
		units:    after.units - before.units,
		cpu:      after.cpu - before.cpu,
	}, err
}

func (c *crew) sortedLatencies() []time.Duration {
	all := slices.Concat(c.latencies...)
	slices.Sort(all)
	return all
}

func (t tally) requestsPerSecond() float64 { return float64(t.requests) / t.elapsed.Seconds() }
func (t tally) unitsPerSecond() float64    { return float64(t.units) / t.elapsed.Seconds() }
func (t tally) sorted() []time.Duration    { return t.latencies }
func (t tally) latency(p float64) float64  { return milliseconds(percentile(t.latencies, p)) }
func (t tally) cpuPerRequest() float64     { return milliseconds(t.cpu) / float64(max(t.requests, 1)) }
