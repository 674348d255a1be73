package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	dayScenario = "day"
	// dayDevices is how many devices send and receive.
	dayDevices = 128
	// remembered is how many hours client requests are remembered.
	remembered = 24
	// maxStall is how long a sweep may hold a message up.
	maxStall = 50 * time.Millisecond
)

// day has a day of traffic go through the store in simulated time, in a process of its
// own, and looks whether anything grows that should not.
func (b *bench) day(ctx context.Context) error {
	b.say("%s: %d hours at %g messages a second, in simulated time", dayScenario, b.dayHours, b.dayRate)
	dir := filepath.Join(b.dir, dayScenario)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	hours, err := b.watchDay(ctx, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dayScenario, err)
	}
	b.reportDay(hours)
	return os.RemoveAll(dir)
}

// watchDay runs the other process and gives what it has said of each hour.
func (b *bench) watchDay(ctx context.Context, dir string) (hours []hour, err error) {
	command := exec.CommandContext(ctx, b.self, "-as", asDay, "-dir", dir,
		"-day-rate", fmt.Sprint(b.dayRate), "-day-hours", fmt.Sprint(b.dayHours), "-size", fmt.Sprint(b.size))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	for lines := json.NewDecoder(out); ; {
		var h hour
		if err = lines.Decode(&h); err != nil {
			break
		}
		b.say("  %v", h)
		hours = append(hours, h)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	err = errors.Join(err, command.Wait())
	if err == nil && len(hours) != b.dayHours {
		err = fmt.Errorf("it ended after %d hours", len(hours))
	}
	return hours, err
}

// serveDay is the other process.
func serveDay(ctx context.Context, o options) error {
	d, err := newDay(ctx, filepath.Join(o.dir, "chappe.db"), dayDevices, o.dayRate, o.size)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(os.Stdout)
	err = d.run(ctx, o.dayHours, func(h hour) error { return lines.Encode(h) })
	return errors.Join(err, d.close())
}

func (b *bench) reportDay(hours []hour) {
	last, before := hours[len(hours)-1], hours[len(hours)-2]
	group := b.report.group(dayScenario,
		"%d simulated hours at %g messages a second through relay and store, without HTTP, each received and confirmed by one of %d devices",
		b.dayHours, b.dayRate, dayDevices)
	b.report.judgeAlone(dayScenario, last.Verdict)
	group.addAlone("messages/s of real time", float64(last.Messages)/last.Elapsed.Seconds())
	group.addAlone("the file at the end, MiB", mib(last.File))
	grown := group.addAlone("the file's growth in the last hour, %", 100*float64(last.File-before.File)/float64(before.File))
	if b.dayHours > remembered+1 { // until then what was accepted is remembered
		grown.want("<= 1", grown.Chappe <= 1)
	}
	group.addAlone("bytes of the file for each message that is remembered", float64(last.File)/float64(max(last.Rows["client_requests"], 1)))
	group.addAlone("the WAL at its longest, MiB", mib(longestWAL(hours)))
	group.addAlone("RSS after the first hour, MiB", mib(hours[0].RSS))
	group.addAlone("RSS at the end, MiB", mib(last.RSS))
	group.addAlone("Go's heap at the end, MiB", mib(last.Heap))
	var calm, swept time.Duration
	for _, h := range hours {
		calm, swept = max(calm, h.Calm.Longest), max(swept, h.Sweeping.Longest)
	}
	group.addAlone("longest send, ms", milliseconds(calm))
	group.addAlone("longest send while the store is swept, ms", milliseconds(swept)).want("<= 50", swept <= maxStall)
}

func longestWAL(hours []hour) (bytes int64) {
	for _, h := range hours {
		bytes = max(bytes, h.WAL)
	}
	return bytes
}
