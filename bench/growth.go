package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	growthScenario = "growth"
	// growthRounds is how often the two files take turns.
	growthRounds = 2
	// reached is how many of the devices are sent to at random. The file with nothing
	// in it has these only.
	reached = 10_000
	// looked is how many other devices make an initial sync.
	looked = 2000
	// hoarded is how many messages one device has, at most: below what an inbox may have.
	hoarded = 20_000
	// spreadFor is how long messages are sent at random in one round.
	spreadFor = 3 * time.Second
	// promptly is how long a start may take.
	promptly = time.Second
)

// A specimen is one of the files that are compared, and what was measured with it.
type specimen struct {
	name       string
	populace   populace
	deployment *deployment
	spread     *spread
	visitors   []int // numbers of users who are not sent to
	size       int64 // bytes of the file
	// cold and warm are the times of starts, with nothing of the file in memory and with
	// much of it.
	cold, warm []startTimes
	rss        []int64 // after starts
	load       result
	spreading  tally
	latency    result
}

// growth measures what a file costs in which very much waits, beside one in which
// nothing does.
func (b *bench) growth(ctx context.Context) error {
	hoard := min(hoarded, b.growthMessages/10)
	empty, err := b.newSpecimen(ctx, "empty", populace{devices: min(reached, b.growthDevices)})
	if err != nil {
		return err
	}
	full, err := b.newSpecimen(ctx, "full", populace{devices: b.growthDevices, messages: b.growthMessages, hoard: hoard})
	if err != nil {
		return err
	}
	for round := range growthRounds {
		for _, s := range []*specimen{empty, full} {
			b.say("%s: the %s file, round %d", growthScenario, s.name, round+1)
			if err := b.turn(ctx, s); err != nil {
				return fmt.Errorf("%s: the %s file: %w", growthScenario, s.name, err)
			}
		}
	}
	rate := b.rate
	if rate == 0 {
		rate = empty.load.deliveredPerSecond() / 10
	}
	var read readings
	for _, s := range []*specimen{empty, full} {
		b.say("%s: the %s file, %.0f messages a second", growthScenario, s.name, rate)
		if read, err = b.lastTurn(ctx, s, rate); err != nil {
			return fmt.Errorf("%s: the %s file: %w", growthScenario, s.name, err)
		}
	}
	b.reportGrowth(empty, full, read, rate)
	return errors.Join(os.RemoveAll(empty.deployment.dir), os.RemoveAll(full.deployment.dir))
}

// newSpecimen makes a file with this populace, and senders and receivers beside it.
func (b *bench) newSpecimen(ctx context.Context, name string, p populace) (*specimen, error) {
	b.say("%s: loading %d devices and %d messages", growthScenario, p.devices, p.messages)
	begin := time.Now()
	p.server, p.codec = aloneServer, newCodec(b.size)
	d, err := newDeployment(filepath.Join(b.dir, growthScenario+"-"+name), aloneServer)
	if err != nil {
		return nil, err
	}
	if err := p.load(ctx, d.database(), b.say); err != nil {
		return nil, err
	}
	if err := d.prepare(ctx, b.casts()); err != nil {
		return nil, err
	}
	file, err := os.Stat(d.database())
	if err != nil {
		return nil, err
	}
	b.say("  %d MiB after %v", file.Size()>>20, time.Since(begin).Round(time.Millisecond))
	s := &specimen{name: name, populace: p, deployment: d, size: file.Size()}
	drawn := rand.New(rand.NewPCG(1, 2)).Perm(p.devices)
	drawn = slices.DeleteFunc(drawn, func(i int) bool { return i == 0 }) // that one has the hoard
	s.spread = newSpread(p, drawn[:min(reached, len(drawn))], b.senders)
	s.visitors = drawn[len(s.spread.recipients):]
	if len(s.visitors) == 0 {
		s.visitors = s.spread.recipients
	}
	s.visitors = s.visitors[:min(looked, len(s.visitors))]
	return s, nil
}

// cast gives the senders and receivers of one load. Each load has others, as transaction
// IDs are remembered.
func (b *bench) cast(load int) (senders, receivers []person) {
	return people(fmt.Sprintf("s%d-", load), b.senders, aloneServer), people(fmt.Sprintf("r%d-", load), b.receivers, aloneServer)
}

// spreaders are those who send at random.
func (b *bench) spreaders() []person { return people("p", b.senders, aloneServer) }

// casts gives all who are in a file besides its populace.
func (b *bench) casts() []person {
	all := b.spreaders()
	for load := range growthRounds + 1 {
		senders, receivers := b.cast(load)
		all = slices.Concat(all, senders, receivers)
	}
	return all
}

// turn starts a server on a file twice, with nothing of the file in memory and with as
// much as there is room for, and measures what goes through the second.
func (b *bench) turn(ctx context.Context, s *specimen) error {
	cold, p, err := b.startTimed(ctx, s, true)
	if err != nil {
		return err
	}
	if err := errors.Join(p.stop(), readFile(s.deployment.database())); err != nil {
		return err
	}
	warm, p, err := b.startTimed(ctx, s, false)
	if err != nil {
		return err
	}
	s.cold, s.warm = append(s.cold, cold), append(s.warm, warm)
	return errors.Join(b.drive(ctx, s, p, len(s.rss)), p.stop())
}

// drive measures memory and throughput of a server that was just started.
func (b *bench) drive(ctx context.Context, s *specimen, p *process, round int) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	rss, err := p.memory()
	if err != nil {
		return err
	}
	s.rss = append(s.rss, rss)
	senders, receivers := b.cast(round)
	l := b.newLoad(senders, receivers, p, p, 0)
	l.measured = b.measured / time.Duration(2*growthRounds)
	through, err := l.run(ctx)
	if err != nil {
		return err
	}
	s.load = s.load.plus(through)
	b.say("  sending to %d devices at random", len(s.spread.recipients))
	spreading, err := s.spread.run(ctx, b, p)
	s.spreading = s.spreading.plus(spreading)
	return err
}

// lastTurn measures the latency at a rate, and reads what waits.
func (b *bench) lastTurn(ctx context.Context, s *specimen, rate float64) (r readings, err error) {
	p, err := b.startChappe(ctx, s.deployment, growthScenario+"-"+s.name)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	senders, receivers := b.cast(growthRounds)
	l := b.newLoad(senders, receivers, p, p, rate)
	l.measured = b.measured / growthRounds
	if s.latency, err = l.run(ctx); err != nil {
		return r, err
	}
	if s.populace.messages > 0 {
		if r, err = b.readWaiting(ctx, p, s); err != nil {
			return r, err
		}
	}
	spread, err := s.spread.close(ctx, p)
	r.verdict = r.verdict.plus(spread)
	b.say("  what was sent at random: %v", spread)
	s.load.verdict = s.load.verdict.plus(s.latency.verdict).plus(r.verdict)
	return r, err
}
