package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	wakeScenario = "wake"
	// wakes is how often all are woken.
	wakes = 10
	// allSettle is how long many long polls are given to reach the server.
	allSettle = time.Second
)

// A waking is how long it took until those who waited had heard of a change. All of it
// is sorted.
type waking struct {
	renames []time.Duration // until the change was answered
	each    []time.Duration // of every waiting device
	last    []time.Duration // of the last one of each change
	verdict verdict
}

// wakeAll measures what one change costs in which very many are interested who wait.
func (b *bench) wakeAll(ctx context.Context) error {
	star, fans := people("star", 1, aloneServer), people("f", b.peers, aloneServer)
	c, err := both(ctx, b, wakeScenario, append(star, fans...),
		func(ctx context.Context, p *process) (waking, error) { return b.wake(ctx, p, star[0], fans) })
	if err != nil {
		return err
	}
	c.judge(&b.report, wakeScenario, func(w waking) verdict { return w.verdict })
	group := b.report.group(wakeScenario, "%d waiting users are interested in one, whose device gets another name, %d times", b.peers, wakes)
	each, last := func(w waking) []time.Duration { return w.each }, func(w waking) []time.Duration { return w.last }
	c.add(group, "renaming the device p50, ms", percentileOf(func(w waking) []time.Duration { return w.renames }, 50))
	c.add(group, "renaming to end of a long poll p50, ms", percentileOf(each, 50))
	c.add(group, "renaming to end of a long poll p99, ms", percentileOf(each, 99))
	c.add(group, "renaming to end of the last long poll p50, ms", percentileOf(last, 50))
	c.add(group, "renaming to end of the last long poll max, ms", percentileOf(last, 100))
	return nil
}

func (b *bench) wake(ctx context.Context, p *process, star person, fans []person) (w waking, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	watchers := make([]*watcher, len(fans))
	for i, s := range newSessions(transport, p.address, fans) {
		watchers[i] = &watcher{session: s}
	}
	b.say("  %d users ask for the keys of one", len(fans))
	if err := getReady(ctx, watchers, star); err != nil {
		return w, err
	}
	changing := newSession(transport, p.address, star)
	for i := range wakes {
		if err := w.once(ctx, watchers, star, func() error { return changing.rename(ctx, i) }); err != nil {
			return w, err
		}
	}
	for _, times := range [][]time.Duration{w.renames, w.each, w.last} {
		slices.Sort(times)
	}
	for _, watcher := range watchers {
		again, err := watcher.look(ctx, 0)
		if err != nil {
			return w, err
		}
		w.verdict.Duplicated += int64(len(again))
	}
	return w, nil
}

// getReady has all ask for the keys of the star, and hear what there is to hear.
func getReady(ctx context.Context, watchers []*watcher, star person) error {
	body := queryBody([]person{star})
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for _, w := range watchers {
		group.Go(func() error {
			if _, err := w.session.post(ctx, queryPath, body); err != nil {
				return fmt.Errorf("become interested: %w", err)
			}
			return w.settle(ctx)
		})
	}
	return group.Wait()
}

// once has all wait, changes the star, and notes when each has heard of it. One that
// has not when its poll ends counts as lost.
func (w *waking) once(ctx context.Context, watchers []*watcher, star person, change func() error) error {
	heard := make([]time.Time, len(watchers))
	changed := make([][]string, len(watchers))
	waiting, waitingCtx := errgroup.WithContext(ctx)
	for i, watcher := range watchers {
		waiting.Go(func() (err error) {
			changed[i], err = watcher.look(waitingCtx, pollTimeout)
			heard[i] = time.Now()
			return err
		})
	}
	if err := pause(ctx, allSettle); err != nil {
		return errors.Join(err, waiting.Wait())
	}
	begin := time.Now()
	err := change()
	answered := time.Since(begin)
	if err := errors.Join(err, waiting.Wait()); err != nil {
		return err
	}
	last := time.Duration(0)
	for i := range watchers {
		w.verdict = w.verdict.plus(judgeChanges(changed[i], star.id()))
		w.each = append(w.each, heard[i].Sub(begin))
		last = max(last, heard[i].Sub(begin))
	}
	w.renames, w.last = append(w.renames, answered), append(w.last, last)
	return nil
}
