package main

import (
	"context"
	"fmt"
)

const (
	federatedScenario        = "federated"
	federatedLatencyScenario = "federated-latency"
)

// federated measures how much goes from one Chappe to another, and whether delivery
// keeps up with acceptance. There is no floor for this.
func (b *bench) federated(ctx context.Context) error {
	r, err := b.runNeighbours(ctx, federatedScenario, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", federatedScenario, err)
	}
	b.federatedPerSecond = r.deliveredPerSecond()
	b.report.judgeAlone(federatedScenario, r.verdict)
	group := b.report.group(federatedScenario, "%d senders on one server, %d receivers on another", b.senders, b.receivers)
	group.addAlone("PUT/s", r.acceptedPerSecond())
	group.addAlone("delivered/s", r.deliveredPerSecond()).
		want(">= 3500, 0 lost", r.deliveredPerSecond() >= 3500 && r.verdict.Lost == 0)
	group.addAlone("backlog when sending ends, messages", float64(r.backlog))
	group.addAlone("backlog when sending ends, s of delivery", r.backlogSeconds()).
		want("< 1", r.backlogSeconds() < 1)
	group.addAlone("CPU of the sending server per message, ms", r.perMessage(r.cpu.senders))
	group.addAlone("CPU of the receiving server per message, ms", r.perMessage(r.cpu.receivers))
	group.addAlone("send to sync p50, ms", r.latency(50))
	group.addAlone("send to sync p99, ms", r.latency(99))
	return nil
}

// federatedLatency measures how long a message takes to a device of another server,
// at a rate that leaves both servers time.
func (b *bench) federatedLatency(ctx context.Context) error {
	rate := b.rate
	if rate == 0 {
		rate = b.federatedPerSecond / 10
	}
	r, err := b.runNeighbours(ctx, federatedLatencyScenario, rate)
	if err != nil {
		return fmt.Errorf("%s: %w", federatedLatencyScenario, err)
	}
	b.report.judgeAlone(federatedLatencyScenario, r.verdict)
	group := b.report.group(federatedLatencyScenario, "the same, paced to %.0f messages a second in all", rate)
	group.addAlone("delivered/s", r.deliveredPerSecond())
	group.addAlone("send to sync p50, ms", r.latency(50))
	group.addAlone("send to sync p99, ms", r.latency(99)).want("< 50", r.latency(99) < 50)
	group.addAlone("send to sync max, ms", r.latency(100))
	return nil
}
