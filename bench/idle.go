package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	idleScenario     = "idle"
	idleManyScenario = "idle-many"
	// manyIdle is how many long polls the latter has.
	manyIdle = 10_000
	// idleTimeout is longer than the scenario takes, so that no poll ends by itself.
	idleTimeout = 5 * time.Minute
	openTimeout = 30 * time.Second
)

// footprint is a server's memory, in bytes.
type footprint struct {
	atRest  float64
	perPoll float64
	verdict verdict
}

// idlePolls measures what a server needs when nothing happens: by itself, and for
// each device that waits.
func (b *bench) idlePolls(ctx context.Context) error { return b.waitIdly(ctx, idleScenario, b.idle) }

func (b *bench) manyIdlePolls(ctx context.Context) error {
	return b.waitIdly(ctx, idleManyScenario, manyIdle)
}

func (b *bench) waitIdly(ctx context.Context, scenario string, polls int) error {
	users := people("d", polls, aloneServer)
	c, err := both(ctx, b, scenario, users,
		func(ctx context.Context, p *process) (footprint, error) { return b.footprint(ctx, p, users) })
	if err != nil {
		return err
	}
	c.judge(&b.report, scenario, footprint.judged)
	group := b.report.group(scenario, "%d devices wait in /sync, each on its own connection", polls)
	c.add(group, "RSS after start, MiB", footprint.mibAtRest).want("<= 35", c.chappe.mibAtRest() <= 35)
	c.add(group, "RSS per idle long poll, KiB", footprint.kibPerPoll).want("<= 32", c.chappe.kibPerPoll() <= 32)
	return nil
}

func (f footprint) mibAtRest() float64  { return f.atRest / (1 << 20) }
func (f footprint) kibPerPoll() float64 { return f.perPoll / (1 << 10) }
func (f footprint) judged() verdict     { return f.verdict }

func (b *bench) footprint(ctx context.Context, p *process, users []person) (f footprint, err error) {
	if err := pause(ctx, settle); err != nil {
		return f, err
	}
	before, err := p.memory()
	if err != nil {
		return f, err
	}
	polls, err := b.openPolls(ctx, p, users)
	if err != nil {
		return f, err
	}
	if err := pause(ctx, settle); err != nil {
		return f, err
	}
	after, err := p.memory()
	if err != nil {
		return f, err
	}
	f.atRest, f.perPoll = float64(before), float64(after-before)/float64(len(users))
	f.verdict, err = polls.wake(ctx)
	return f, err
}

// polls are the long polls that are open at once.
type polls struct {
	load     *load
	waiting  *errgroup.Group
	answered atomic.Int64
}

// openPolls opens a long poll for each user and returns when the server has all
// the connections. User i will get one message, from sender i: itself.
func (b *bench) openPolls(ctx context.Context, p *process, users []person) (*polls, error) {
	open := &polls{load: b.newLoad(users, users, p, p, 0), waiting: new(errgroup.Group)}
	b.say("  opening %d long polls", len(users))
	first, firstCtx := errgroup.WithContext(ctx)
	first.SetLimit(64)
	for _, r := range open.load.receivers {
		first.Go(func() error {
			_, err := r.sync(firstCtx, 0)
			return err
		})
	}
	if err := first.Wait(); err != nil {
		return nil, err
	}
	for _, r := range open.load.receivers {
		open.waiting.Go(func() error {
			_, err := r.sync(ctx, idleTimeout)
			open.answered.Add(1)
			return err
		})
	}
	return open, open.awaitConnections(ctx, p)
}

func (o *polls) awaitConnections(ctx context.Context, p *process) error {
	for deadline := time.Now().Add(openTimeout); time.Now().Before(deadline); {
		files, err := p.openFiles()
		if err != nil || files > len(o.load.receivers) {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s did not take %d connections within %v", p.name, len(o.load.receivers), openTimeout)
}

// wake sends every device a message, as proof that its poll was there.
func (o *polls) wake(ctx context.Context) (verdict, error) {
	if o.answered.Load() > 0 {
		return verdict{}, errors.New("long polls ended though nothing happened")
	}
	sending, sendingCtx := errgroup.WithContext(ctx)
	sending.SetLimit(64)
	for _, s := range o.load.senders {
		sending.Go(func() error { return s.send(sendingCtx, time.Now()) })
	}
	if err := errors.Join(sending.Wait(), o.waiting.Wait()); err != nil {
		return verdict{}, err
	}
	o.load.say("  all were woken")
	defer o.load.disconnect()
	return o.load.close(ctx)
}
