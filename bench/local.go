package main

import (
	"context"
	"fmt"
	"time"
)

const localScenario = "local"

// rounds is how often the floor and Chappe take turns, so that a machine whose
// speed drifts is slow for both.
const rounds = 4

// local measures how much goes through one server when every sender sends as fast
// as it gets answers.
func (b *bench) local(ctx context.Context) error {
	senders, receivers := people("s", b.senders, aloneServer), people("r", b.receivers, aloneServer)
	turns := b.turns(rounds)
	c, err := inTurns(turns, func(turn int) (comparison[result], error) {
		name := fmt.Sprintf("%s-%d", localScenario, turn)
		start := func() (*process, error) { return b.startAlone(ctx, name, append(senders, receivers...)) }
		return inTurn(ctx, b, name, []string{asFloor, asDurable}, start, func(ctx context.Context, p *process) (result, error) {
			l := b.newLoad(senders, receivers, p, p, 0)
			l.warmup, l.measured = b.warmup/2, b.measured/time.Duration(turns)
			return l.run(ctx)
		})
	})
	if err != nil {
		return err
	}
	b.perSecond = c.chappe.deliveredPerSecond()
	c.judge(&b.report, localScenario, result.judged)
	group := b.report.group(localScenario, "%d senders, %d long-polling receivers, %d-byte contents, one recipient each",
		b.senders, b.receivers, b.size)
	c.add(group, "PUT/s", result.acceptedPerSecond)
	c.add(group, "delivered/s", result.deliveredPerSecond).wantShare(inMemoryFloor, 0.55).wantShare(durableFloorName, 0.8)
	c.add(group, "server CPU per message, ms", result.cpuPerMessage).
		want("<= 0.22", c.chappe.cpuPerMessage() <= 0.22)
	c.add(group, "send to sync p50, ms", percentileOf(result.sorted, 50))
	c.add(group, "send to sync p99, ms", percentileOf(result.sorted, 99))
	return nil
}
