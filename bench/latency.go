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
	c, err := both(ctx, b, latencyScenario, append(senders, receivers...),
		func(ctx context.Context, p *process) (result, error) {
			return b.newLoad(senders, receivers, p, p, rate).run(ctx)
		})
	if err != nil {
		return err
	}
	c.judge(&b.report, latencyScenario, result.judged)
	group := b.report.group(latencyScenario, "the same, paced to %.0f messages a second in all", rate)
	c.add(group, "delivered/s", result.deliveredPerSecond)
	c.add(group, "send to sync p50, ms", percentileOf(result.sorted, 50)).want("<= 2", c.chappe.latency(50) <= 2)
	c.add(group, "send to sync p99, ms", percentileOf(result.sorted, 99)).want("<= 10", c.chappe.latency(99) <= 10)
	c.add(group, "send to sync max, ms", percentileOf(result.sorted, 100))
	return nil
}
