package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/todevice"
)

const (
	drainScenario = "drain"
	// maxDrain is how long what is queued for a peer may take once that is back.
	maxDrain = 5 * time.Second
)

// A drained queue is what the drain scenario has seen.
type drained struct {
	accepting, draining time.Duration
	verdict             verdict
}

// drain measures how long it takes, once a server that was down is back, until it
// has all that was queued for it. The server sends a message when it is back, as
// any server does sooner or later: that ends the back-off of the other, which may
// otherwise leave it alone for as long as it was away.
func (b *bench) drain(ctx context.Context) error {
	b.say("%s: two Chappes, one of them down", drainScenario)
	n, err := b.newNeighbours(ctx, drainScenario)
	if err != nil {
		return err
	}
	r, err := b.runDrain(ctx, n)
	if err != nil {
		return fmt.Errorf("%s: %w", drainScenario, err)
	}
	b.report.judgeAlone(drainScenario, r.verdict)
	group := b.report.group(drainScenario, "%d messages queued for a server that is down; it comes back and sends one", b.queued)
	group.addAlone("PUT/s while it is down", float64(b.queued)/r.accepting.Seconds())
	group.addAlone("from its first answer to the empty queue, s", r.draining.Seconds()).
		want(fmt.Sprintf("< %.0f, 0 lost", maxDrain.Seconds()), r.draining < maxDrain && r.verdict.Lost == 0)
	group.addAlone("delivered/s meanwhile", float64(b.queued)/r.draining.Seconds())
	return nil
}

func (b *bench) runDrain(ctx context.Context, n *neighbours) (r drained, err error) {
	from, err := b.startChappe(ctx, n.left, drainScenario+"-left")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, from.stop()) }()
	down := &process{name: "Chappe " + string(n.right.name), address: n.right.client}
	l := b.newLoad(n.senders, n.receivers, from, down, 0)
	defer l.disconnect()
	begin := time.Now()
	if err := l.sendExactly(ctx, b.queued); err != nil {
		return r, err
	}
	r.accepting = time.Since(begin)

	to, err := b.startChappe(ctx, n.right, drainScenario+"-right")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, to.stop()) }()
	begin = time.Now()
	if err := b.sayHello(ctx, to, n); err != nil {
		return r, err
	}
	if err := l.receiveAll(ctx, n.left); err != nil {
		return r, err
	}
	r.draining = time.Since(begin)
	b.say("  drained after %v", r.draining.Round(time.Millisecond))
	r.verdict, err = l.close(ctx)
	return r, err
}

// sayHello sends a message from the first receiver to the first sender.
func (b *bench) sayHello(ctx context.Context, to *process, n *neighbours) error {
	l := b.newLoad(n.receivers[:1], n.senders[:1], to, to, 0)
	defer l.disconnect()
	return l.senders[0].send(ctx, time.Now())
}

// sendExactly has the senders send so many messages together.
func (l *load) sendExactly(ctx context.Context, messages int) error {
	sending, ctx := errgroup.WithContext(ctx)
	for i, s := range l.senders {
		mine := share(messages, i, len(l.senders))
		sending.Go(func() error {
			for range mine {
				if err := s.send(ctx, time.Now()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return sending.Wait()
}

// share gives what one of several has to do of a number, which they share evenly.
func share(all, one, of int) int { return (one+1)*all/of - one*all/of }

// receiveAll returns when all that was accepted has arrived and the outbox is empty.
// What has not arrived in time counts as lost; an outbox that is not empty in time is
// an error.
func (l *load) receiveAll(ctx context.Context, outbox *deployment) error {
	receiving, working := errgroup.WithContext(ctx)
	polling, hangUp := context.WithCancel(working)
	defer hangUp()
	for _, r := range l.receivers {
		receiving.Go(func() error { return r.run(polling) })
	}
	l.drain(working)
	hangUp()
	if err := receiving.Wait(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.drainFor)
	defer cancel()
	return awaitOutbox(ctx, outbox, 5*time.Millisecond, func(waiting []todevice.Destination) bool { return len(waiting) == 0 })
}
