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
	listsScenario = "device-lists"
	// pollSettle is how long a long poll is given to reach the server. One that comes
	// later finds the change when it comes: that is quicker, and no less right.
	pollSettle = 20 * time.Millisecond
)

// A listening is what a user hears who is interested in many others.
type listening struct {
	alone, together tally // of syncs without news: of one device, and of many
	// renames and heard are sorted: how long a change took until it was answered, and
	// until the long poll of the interested device had ended with it.
	renames, heard []time.Duration
	verdict        verdict
}

// deviceLists measures the syncs of a user who is interested in many others: when
// nothing has changed, and when one of them has.
func (b *bench) deviceLists(ctx context.Context) error {
	idle := atDevices(people("idle", 1, aloneServer), b.receivers)
	peers := people("p", b.peers, aloneServer)
	c, err := both(ctx, b, listsScenario, append(idle, peers...),
		func(ctx context.Context, p *process) (listening, error) { return b.listen(ctx, p, idle, peers) })
	if err != nil {
		return err
	}
	c.judge(&b.report, listsScenario, func(l listening) verdict { return l.verdict })
	group := b.report.group(listsScenario, "a user is interested in %d others; syncs when nothing has changed, and when a device of one has another name", b.peers)
	alone := partOf(c, func(l listening) tally { return l.alone })
	alone.add(group, "one device alone, sync without news p50, ms", percentileOf(tally.sorted, 50))
	alone.add(group, "one device alone, sync without news p99, ms", percentileOf(tally.sorted, 99))
	together := partOf(c, func(l listening) tally { return l.together })
	together.add(group, fmt.Sprintf("%d devices of the user, syncs/s", b.receivers), tally.requestsPerSecond)
	together.add(group, "server CPU per sync, ms", tally.cpuPerRequest)
	heard := func(l listening) []time.Duration { return l.heard }
	c.add(group, "renaming a device p50, ms", percentileOf(func(l listening) []time.Duration { return l.renames }, 50))
	c.add(group, "renaming to end of long poll p50, ms", percentileOf(heard, 50))
	c.add(group, "renaming to end of long poll p99, ms", percentileOf(heard, 99))
	return nil
}

func (b *bench) listen(ctx context.Context, p *process, idle, peers []person) (l listening, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	watchers := make([]*watcher, len(idle))
	for i, s := range newSessions(transport, p.address, idle) {
		watchers[i] = &watcher{session: s}
	}
	b.say("  a user asks for the keys of %d", len(peers))
	if _, err := watchers[0].session.post(ctx, queryPath, queryBody(peers)); err != nil {
		return l, err
	}
	for _, w := range watchers {
		if err := w.settle(ctx); err != nil {
			return l, err
		}
	}
	sync := func(ctx context.Context, worker, _ int) (int, error) {
		changed, err := watchers[worker].look(ctx, 0)
		if err == nil && len(changed) > 0 {
			err = errors.New("a sync tells of a change where there is none")
		}
		return 0, err
	}
	if l.alone, err = b.workFor(ctx, p, 1, b.measured/4, sync); err != nil {
		return l, err
	}
	if l.together, err = b.workFor(ctx, p, len(watchers), b.measured/4, sync); err != nil {
		return l, err
	}
	err = b.hear(ctx, &l, watchers[0], peers, newSessions(transport, p.address, peers))
	return l, err
}

// hear has one peer after the other rename its device while a watcher waits.
func (b *bench) hear(ctx context.Context, l *listening, w *watcher, peers []person, sessions []*session) error {
	b.say("  the peers rename their devices for %v", b.measured/4)
	for i, end := 0, time.Now().Add(b.measured/4); time.Now().Before(end); i++ {
		var changed []string
		var heard time.Time
		waiting, waitingCtx := errgroup.WithContext(ctx)
		waiting.Go(func() (err error) {
			changed, err = w.look(waitingCtx, pollTimeout)
			heard = time.Now()
			return err
		})
		if err := pause(ctx, pollSettle); err != nil {
			return errors.Join(err, waiting.Wait())
		}
		peer := i % len(peers)
		begin := time.Now()
		err := sessions[peer].rename(ctx, i)
		l.renames = append(l.renames, time.Since(begin))
		if err := errors.Join(err, waiting.Wait()); err != nil {
			return err
		}
		l.heard = append(l.heard, heard.Sub(begin))
		l.verdict = l.verdict.plus(judgeChanges(changed, peers[peer].id()))
	}
	slices.Sort(l.renames)
	slices.Sort(l.heard)
	again, err := w.look(ctx, 0)
	l.verdict.Duplicated += int64(len(again))
	return err
}
