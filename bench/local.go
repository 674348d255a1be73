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
	var floor, chappe result
	for round := range rounds {
		name := fmt.Sprintf("%s-%d", localScenario, round+1)
		f, c, err := both(ctx, b, name, append(senders, receivers...),
			func(ctx context.Context, p *process) (result, error) {
				l := b.newLoad(senders, receivers, p, p, 0)
				l.measured = b.measured / time.Duration(rounds)
				return l.run(ctx)
			})
		if err != nil {
			return err
		}
		floor, chappe = floor.plus(f), chappe.plus(c)
	}
	b.perSecond = chappe.deliveredPerSecond()
	b.report.judge(localScenario, chappe.verdict, floor.verdict)
	group := b.report.group(localScenario, "%d senders, %d long-polling receivers, %d-byte contents, one recipient each",
		b.senders, b.receivers, b.size)
	group.add("PUT/s", chappe.acceptedPerSecond(), floor.acceptedPerSecond())
	group.add("delivered/s", chappe.deliveredPerSecond(), floor.deliveredPerSecond()).
		want(">= 40 % of the floor's", chappe.deliveredPerSecond() >= 0.4*floor.deliveredPerSecond())
	group.add("server CPU per message, ms", chappe.perMessage(chappe.cpu.senders), floor.perMessage(floor.cpu.senders)).
		want("<= 0.30", chappe.perMessage(chappe.cpu.senders) <= 0.30)
	group.add("send to sync p50, ms", chappe.latency(50), floor.latency(50))
	group.add("send to sync p99, ms", chappe.latency(99), floor.latency(99))
	return nil
}
