package main

import (
	"fmt"
	"time"
)

// emptyFile is the floor of the growth scenario: Chappe with a file in which nothing waits.
const emptyFile = "empty file"

// reportGrowth enters the figures.
func (b *bench) reportGrowth(empty, full *specimen, read readings, rate float64) {
	c := comparison[*specimen]{chappe: full, floors: []floorRun[*specimen]{{emptyFile, empty}}}
	c.judge(&b.report, growthScenario, func(s *specimen) verdict { return s.load.verdict })
	group := b.report.group(growthScenario,
		"one file with %d devices and %d waiting messages of %d bytes, whose requests are remembered; beside it Chappe with a file of %d devices and no message",
		full.populace.devices, full.populace.messages, b.size, empty.populace.devices)
	c.add(group, "the file, MiB", func(s *specimen) float64 { return mib(s.size) })
	addStarts(c, group, "cold", func(s *specimen) []startTimes { return s.cold })
	addStarts(c, group, "warm", func(s *specimen) []startTimes { return s.warm })
	c.add(group, "RSS after start, MiB", func(s *specimen) float64 { return mib(mean(s.rss)) })
	load := partOf(c, func(s *specimen) result { return s.load })
	load.add(group, "PUT/s", result.acceptedPerSecond).wantShare(emptyFile, 0.9)
	load.add(group, "delivered/s", result.deliveredPerSecond)
	c.add(group, fmt.Sprintf("PUT/s to %d devices at random", reached), func(s *specimen) float64 { return s.spreading.requestsPerSecond() })
	for _, p := range []float64{50, 99} {
		c.add(group, fmt.Sprintf("send to sync p%.0f at %.0f messages a second, ms", p, rate), func(s *specimen) float64 { return s.latency.latency(p) })
	}
	group.addAlone("initial /sync with waiting messages p50, ms", read.initial.latency(50))
	group.addAlone("initial /sync with waiting messages p99, ms", read.initial.latency(99))
	group.addAlone(fmt.Sprintf("messages/s to one device that has %d", read.drained), float64(read.drained)/read.draining.Seconds())
}

// addStarts enters the longest of some starts.
func addStarts(c comparison[*specimen], g *group, how string, starts func(*specimen) []startTimes) {
	for _, answer := range []struct {
		name string
		took func(startTimes) time.Duration
	}{
		{"first answer", func(t startTimes) time.Duration { return t.versions }},
		{"first /sync", func(t startTimes) time.Duration { return t.sync }},
	} {
		longest := func(s *specimen) float64 { return milliseconds(longest(starts(s), answer.took)) }
		c.add(g, fmt.Sprintf("from exec to the %s (%s), ms", answer.name, how), longest).
			want("<= 1000", longest(c.chappe) <= milliseconds(promptly))
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func mean(all []int64) int64 {
	sum := int64(0)
	for _, x := range all {
		sum += x
	}
	return sum / int64(max(len(all), 1))
}
