package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	rtmChannelScenario = "rtm-channel"
	// rtmRounds is how often the hub and Chappe take turns.
	rtmRounds = 2
)

// A fanning is what a channel did.
type fanning struct {
	full    tally // with all publishers
	alone   tally // with one
	verdict verdict
}

// rtmChannels measures how fast one channel is with few members and with many.
func (b *bench) rtmChannels(ctx context.Context) error {
	for _, members := range []int{b.sessions / 10, b.sessions} {
		if err := b.rtmChannel(ctx, members); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) rtmChannel(ctx context.Context, members int) error {
	c, err := inTurns(b.turns(rtmRounds), func(turn int) (comparison[fanning], error) {
		name := fmt.Sprintf("%s-%d-%d", rtmChannelScenario, members, turn)
		return bothRTM(ctx, b, name, func(ctx context.Context, p *process) (fanning, error) { return b.fanOut(ctx, p, members) })
	})
	if err != nil {
		return err
	}
	c.judge(&b.report, fmt.Sprintf("%s of %d", rtmChannelScenario, members), func(f fanning) verdict { return f.verdict })
	group := b.report.group(rtmChannelScenario, "%d sessions in one channel, %d publishers, half of them by REST, %d-byte payloads", members, rtmPublishers, b.size)
	group.Variant = fmt.Sprint(members)
	full := partOf(c, func(f fanning) tally { return f.full })
	full.add(group, "deliveries/s", tally.unitsPerSecond).wantShare(hubFloor, 0.7)
	full.add(group, "server CPU per delivery, µs", tally.cpuPerUnit)
	full.add(group, "publish to last member p50, ms", percentileOf(tally.sorted, 50))
	full.add(group, "publish to last member p99, ms", percentileOf(tally.sorted, 99))
	alone := partOf(c, func(f fanning) tally { return f.alone })
	alone.add(group, "one publisher: publish to last member p50, ms", percentileOf(tally.sorted, 50))
	alone.add(group, "one publisher: publish to last member p99, ms", percentileOf(tally.sorted, 99))
	return nil
}

func (b *bench) fanOut(ctx context.Context, p *process, members int) (f fanning, err error) {
	c, err := b.gather(ctx, p, members)
	if err != nil {
		return f, err
	}
	measured := b.measured / time.Duration(b.turns(rtmRounds))
	publish := func(ctx context.Context, worker, _ int) (int, error) { return c.publish(ctx, worker) }
	if err = c.join(ctx); err == nil {
		f.full, err = b.workFor(ctx, p, rtmPublishers, measured, publish)
	}
	if err == nil {
		f.alone, err = b.workFor(ctx, p, 1, measured/2, publish)
	}
	if err == nil {
		err = pause(ctx, time.Second) // what comes twice may come late
	}
	var closed error
	f.verdict, closed = c.close()
	return f, errors.Join(err, closed)
}

func (f fanning) plus(other fanning) fanning {
	return fanning{f.full.plus(other.full), f.alone.plus(other.alone), f.verdict.plus(other.verdict)}
}

// plus takes two runs as one.
func (t tally) plus(other tally) tally {
	sum := tally{
		elapsed:   t.elapsed + other.elapsed,
		requests:  t.requests + other.requests,
		units:     t.units + other.units,
		cpu:       t.cpu + other.cpu,
		latencies: slices.Concat(t.latencies, other.latencies),
	}
	slices.Sort(sum.latencies)
	return sum
}

// cpuPerUnit is in microseconds.
func (t tally) cpuPerUnit() float64 { return milliseconds(t.cpu) * 1000 / float64(max(t.units, 1)) }
