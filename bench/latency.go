package main

import "context"

const latencyScenario = "latency"

// latency measures how long a message takes from its PUT to the end of the /sync
// response that brings it, at a rate that leaves the server time. The floor gets
// the same rate.
func (b *bench) latency(ctx context.Context) error {
	rate := b.rate
	if rate == 0 {
		rate = b.perSecond / 10
	}
	senders, receivers := people("s", b.senders, aloneServer), people("r", b.receivers, aloneServer)
	floor, chappe, err := both(ctx, b, latencyScenario, append(senders, receivers...),
		func(ctx context.Context, p *process) (result, error) {
			return b.newLoad(senders, receivers, p, p, rate).run(ctx)
		})
	if err != nil {
		return err
	}
	b.report.judge(latencyScenario, chappe.verdict, floor.verdict)
	group := b.report.group(latencyScenario, "the same, paced to %.0f messages a second in all", rate)
	group.add("delivered/s", chappe.deliveredPerSecond(), floor.deliveredPerSecond())
	group.add("send to sync p50, ms", chappe.latency(50), floor.latency(50))
	group.add("send to sync p99, ms", chappe.latency(99), floor.latency(99)).
		want("< 15", chappe.latency(99) < 15)
	group.add("send to sync max, ms", chappe.latency(100), floor.latency(100))
	return nil
}
