package main

import (
	"slices"
	"time"
)

// A result is what a load did while it was measured.
type result struct {
	elapsed   time.Duration
	accepted  int64
	delivered int64
	cpu       cpu
	verdict   verdict // on the whole run
	// backlog is what was accepted and had not arrived when the sending ended.
	backlog   int64
	latencies []time.Duration
}

func (r result) minus(earlier result) result {
	return result{
		elapsed:   r.elapsed - earlier.elapsed,
		accepted:  r.accepted - earlier.accepted,
		delivered: r.delivered - earlier.delivered,
		cpu:       r.cpu.minus(earlier.cpu),
	}
}

// plus takes two runs as one.
func (r result) plus(other result) result {
	sum := result{
		elapsed:   r.elapsed + other.elapsed,
		accepted:  r.accepted + other.accepted,
		delivered: r.delivered + other.delivered,
		cpu:       r.cpu.plus(other.cpu),
		verdict:   r.verdict.plus(other.verdict),
		backlog:   r.backlog + other.backlog,
		latencies: slices.Concat(r.latencies, other.latencies),
	}
	slices.Sort(sum.latencies)
	return sum
}

func (r result) acceptedPerSecond() float64  { return float64(r.accepted) / r.elapsed.Seconds() }
func (r result) deliveredPerSecond() float64 { return float64(r.delivered) / r.elapsed.Seconds() }

// perMessage is a server's processor time for a message, in milliseconds.
func (r result) perMessage(used time.Duration) float64 {
	return milliseconds(used) / float64(max(r.delivered, 1))
}

// cpuPerMessage is that of the one server, where there is but one.
func (r result) cpuPerMessage() float64 { return r.perMessage(r.cpu.senders) }

// backlogSeconds is how long the backlog takes at the speed that was measured. Where
// nothing was delivered, one message is taken for that: JSON knows no infinity.
func (r result) backlogSeconds() float64 {
	return float64(r.backlog) / float64(max(r.delivered, 1)) * r.elapsed.Seconds()
}

// latency gives a percentile of the time from send to sync, in milliseconds.
func (r result) latency(p float64) float64 { return milliseconds(percentile(r.latencies, p)) }

func (r result) judged() verdict { return r.verdict }

func (r result) sorted() []time.Duration { return r.latencies }

// sortedLatencies are those of all receivers. They are read when the receivers have
// ended.
func (l *load) sortedLatencies() []time.Duration {
	var all []time.Duration
	for _, r := range l.receivers {
		all = append(all, r.latencies...)
	}
	slices.Sort(all)
	return all
}
