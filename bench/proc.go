package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in /proc: USER_HZ, which is 100 wherever Go
// runs on Linux.
const tick = 10 * time.Millisecond

// cpu is the processor time, in user and system mode, of the server where the
// senders are at home, and of that of the receivers if it is another.
type cpu struct{ senders, receivers time.Duration }

func (c cpu) plus(d cpu) cpu  { return cpu{c.senders + d.senders, c.receivers + d.receivers} }
func (c cpu) minus(d cpu) cpu { return cpu{c.senders - d.senders, c.receivers - d.receivers} }

// cpuOf reads what the servers of senders and receivers have used.
func cpuOf(from, to *process) (used cpu, err error) {
	if used.senders, err = from.cpuTime(); err != nil || to == from {
		return used, err
	}
	used.receivers, err = to.cpuTime()
	return used, err
}

func (p *process) cpuTime() (time.Duration, error) {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", p.name, err)
	}
	used, err := parseStat(stat)
	if err != nil {
		return 0, fmt.Errorf("read the processor time of %s: %w", p.name, err)
	}
	return used, nil
}

func (p *process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.command.Process.Pid, file)
}

// parseStat gives utime and stime together, the 14th and 15th field.
func parseStat(stat []byte) (time.Duration, error) {
	// The second field is the program's name in parentheses; it may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%d fields behind the name, want 13 at least", len(fields))
	}
	user, userErr := strconv.ParseInt(fields[11], 10, 64)
	system, systemErr := strconv.ParseInt(fields[12], 10, 64)
	if userErr != nil || systemErr != nil {
		return 0, fmt.Errorf("processor times %q and %q are no numbers", fields[11], fields[12])
	}
	return time.Duration(user+system) * tick, nil
}

// memory gives the bytes of main memory a process occupies.
func (p *process) memory() (int64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return parseStatus(status)
}

func parseStatus(status []byte) (int64, error) {
	_, rest, found := bytes.Cut(status, []byte("\nVmRSS:"))
	fields := strings.Fields(string(rest))
	if !found || len(fields) < 2 || fields[1] != "kB" {
		return 0, fmt.Errorf("no VmRSS in kB in the status of a process")
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}

// openFiles counts what a process has open, connections included.
func (p *process) openFiles() (int, error) {
	files, err := os.ReadDir(p.proc("fd"))
	return len(files), err
}
