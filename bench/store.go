package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	storeScenario = "store"
	// storeWriters is twice what a commit holds: while one is made, the next one is full.
	storeWriters = 2 * maxCommit
	storeInboxes = 64
	// storedEach is how many messages one writer stores in a turn.
	storedEach = 64
	// rowsPerMessage are those of a message and of the request that brought it.
	rowsPerMessage = 2
)

// A filling is what it took to fill a database.
type filling struct {
	Rows    int64         `json:"rows"`
	Elapsed time.Duration `json:"elapsed"` // as all times here in nanoseconds
	CPU     time.Duration `json:"cpu"`
	Verdict verdict       `json:"verdict"`
}

// store measures how fast messages are stored where a full commit always waits: by
// Chappe's store, without a server around it, and by the least that leaves the same
// database behind.
func (b *bench) store(ctx context.Context) error {
	if b.binary != "" {
		b.say("%s: left out, it measures what is built into this program", storeScenario)
		return nil
	}
	c, err := inTurns(b.turns(rounds), func(turn int) (c comparison[filling], err error) {
		name := fmt.Sprintf("%s-%d", storeScenario, turn)
		if !b.chappeOnly {
			floor := floorRun[filling]{name: sqliteFloor}
			if floor.did, err = b.fill(ctx, name, asSQLite); err != nil {
				return c, err
			}
			c.floors = append(c.floors, floor)
		}
		c.chappe, err = b.fill(ctx, name, asStore)
		return c, err
	})
	if err != nil {
		return err
	}
	c.judge(&b.report, storeScenario, func(f filling) verdict { return f.Verdict })
	group := b.report.group(storeScenario, "%d at once store a message each, %d-byte contents, %d inboxes, %d messages in a commit; %d rows a message",
		storeWriters, b.size, storeInboxes, maxCommit, rowsPerMessage)
	c.add(group, "rows/s", filling.rowsPerSecond).wantShare(sqliteFloor, 0.7)
	c.add(group, "CPU per row, µs", filling.cpuPerRow)
	return nil
}

// fill has this program, as something else, fill a database, and gives what it says.
func (b *bench) fill(ctx context.Context, name, as string) (f filling, err error) {
	b.say("%s: %s", name, as)
	dir := filepath.Join(b.dir, name+"-"+as)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, fmt.Errorf("make a folder: %w", err)
	}
	args := []string{"-as", as, "-dir", dir, "-size", fmt.Sprint(b.size)}
	if b.profile != "" {
		args = append(args, "-profile", filepath.Join(b.profile, name+"-"+as))
	}
	command := exec.CommandContext(ctx, b.self, args...)
	command.Stderr = os.Stderr
	said, err := command.Output()
	if err == nil {
		err = json.Unmarshal(said, &f)
	}
	if err != nil {
		return f, fmt.Errorf("%s: %s: %w", name, as, err)
	}
	return f, nil
}

func (f filling) plus(other filling) filling {
	return filling{
		Rows:    f.Rows + other.Rows,
		Elapsed: f.Elapsed + other.Elapsed,
		CPU:     f.CPU + other.CPU,
		Verdict: f.Verdict.plus(other.Verdict),
	}
}

func (f filling) rowsPerSecond() float64 { return float64(f.Rows) / f.Elapsed.Seconds() }

// cpuPerRow is in microseconds.
func (f filling) cpuPerRow() float64 { return milliseconds(f.CPU) * 1000 / float64(max(f.Rows, 1)) }
