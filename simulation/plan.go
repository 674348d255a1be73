package simulation

import (
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A plan is what a seed decides before a run begins.
type plan struct {
	servers []spec.ServerName
	devices []testserver.Device
	// messages is how many each device sends.
	messages int
	// pause bounds the time between two messages of one device.
	pause time.Duration

	// The probabilities of what happens to one request.
	loss, answerLoss, doubling, refusal, lateness float64
	// latency bounds the usual delay, lag that of what is late.
	latency, lag time.Duration
	// outages is the mean time between the outages of one server, 0 for none;
	// outage bounds their length.
	outages, outage time.Duration
	// partitions is the mean time between partitions, 0 for none; each lasts up to
	// partition.
	partitions, partition time.Duration
	// writeFaults is the mean time between two failing writes, 0 for none.
	writeFaults time.Duration
	// clocks is the mean time between two moves of one server's clock, 0 for none; each
	// sets it up to skew ahead or behind.
	clocks, skew time.Duration
}

// planFor decides what a run is like. Each kind of fault is absent, rare, usual or
// heavy, independently: what one kind hides, a run without it shows. Where all must be
// there, none is absent.
func planFor(seed uint64, messages int, all bool) plan {
	c := chanceOf(seed, "plan")
	p := plan{
		pause:       pick(c, []time.Duration{20 * time.Millisecond, 200 * time.Millisecond, time.Second}),
		latency:     pick(c, []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond}),
		lag:         pick(c, []time.Duration{2 * time.Second, 20 * time.Second, 100 * time.Second}),
		loss:        rate(c, all, []float64{0, 0.01, 0.05, 0.2}),
		answerLoss:  rate(c, all, []float64{0, 0.01, 0.05, 0.2}),
		doubling:    rate(c, all, []float64{0, 0.01, 0.05, 0.2}),
		refusal:     rate(c, all, []float64{0, 0.01, 0.05}),
		lateness:    rate(c, all, []float64{0, 0.01, 0.05, 0.1}),
		outages:     rate(c, all, []time.Duration{0, 5 * time.Second, 20 * time.Second, 60 * time.Second}),
		outage:      pick(c, []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute}),
		partitions:  rate(c, all, []time.Duration{0, 10 * time.Second, time.Minute}),
		partition:   pick(c, []time.Duration{2 * time.Second, 30 * time.Second, 5 * time.Minute}),
		clocks:      rate(c, all, []time.Duration{0, 10 * time.Second, time.Minute}),
		skew:        pick(c, []time.Duration{time.Minute, 8 * time.Hour}),
		writeFaults: rate(c, all, []time.Duration{0, 500 * time.Millisecond, 5 * time.Second}),
	}
	for s := range 2 + c.IntN(4) {
		name := spec.ServerName(fmt.Sprintf("s%d.test", s+1))
		p.servers = append(p.servers, name)
		for u := range 1 + c.IntN(2) {
			for d := range 1 + c.IntN(2) {
				p.devices = append(p.devices, testserver.Device{
					User: fmt.Sprintf("@u%d:%s", u+1, name), ID: fmt.Sprintf("D%d", d+1),
				})
			}
		}
	}
	p.messages = (messages + len(p.devices) - 1) / len(p.devices)
	return p
}

// rate gives one of some rates, the first of which stands for none.
func rate[T any](c chance, some bool, from []T) T {
	if some {
		from = from[1:]
	}
	return pick(c, from)
}

// recipients gives those of one message: one to three devices or users.
func (p plan) recipients(c chance) []testserver.Device {
	to := make([]testserver.Device, 0, 3)
	for range 1 + c.IntN(3) {
		d := pick(c, p.devices)
		if c.happens(0.3) {
			d.ID = testserver.AllDevices
		}
		to = append(to, d)
	}
	return to
}
