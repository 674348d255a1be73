package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

const (
	federatedScenario = "federated"
	// federatedDevices is the number of senders, and of receivers.
	federatedDevices = 16
)

// federated measures how much goes from one Chappe to another. There is no floor
// for this.
func (b *bench) federated(ctx context.Context) error {
	b.say("%s: two Chappes", federatedScenario)
	left, err := newDeployment(filepath.Join(b.dir, "left"), "left.bench.test")
	if err != nil {
		return err
	}
	right, err := newDeployment(filepath.Join(b.dir, "right"), "right.bench.test")
	if err != nil {
		return err
	}
	senders, receivers := people("s", federatedDevices, left.name), people("r", federatedDevices, right.name)
	if err := errors.Join(left.prepare(ctx, right, senders), right.prepare(ctx, left, receivers)); err != nil {
		return err
	}
	r, err := b.runFederated(ctx, left, right, senders, receivers)
	if err != nil {
		return fmt.Errorf("%s: %w", federatedScenario, err)
	}
	b.report.judgeAlone(federatedScenario, r.verdict)
	group := b.report.group(federatedScenario, "%d senders on one server, %d receivers on another", federatedDevices, federatedDevices)
	group.addAlone("PUT/s", r.acceptedPerSecond())
	group.addAlone("delivered/s", r.deliveredPerSecond())
	group.addAlone("CPU of both servers per message, ms", r.cpuPerMessage())
	group.addAlone("send to sync p50, ms", r.latency(50))
	group.addAlone("send to sync p99, ms", r.latency(99))
	return nil
}

func (b *bench) runFederated(ctx context.Context, left, right *deployment, senders, receivers []person) (r result, err error) {
	from, err := b.startChappe(ctx, left, "federated-left")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, from.stop()) }()
	to, err := b.startChappe(ctx, right, "federated-right")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, to.stop()) }()
	return b.newLoad(senders, receivers, from, to, 0).run(ctx)
}
