package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A machine says where the figures come from.
type machine struct {
	Cores     int    `json:"cores"`
	CPU       string `json:"cpu"`
	GoVersion string `json:"go"`
	Commit    string `json:"commit"` // "" where the build does not know it
	// FsyncP50 and FsyncP99 are the times in milliseconds that 4 KiB take to the disk
	// the databases are on.
	FsyncP50 float64 `json:"fsync_p50_ms"`
	FsyncP99 float64 `json:"fsync_p99_ms"`
	// InMemory tells that the databases are on no disk at all.
	InMemory bool `json:"in_memory"`
}

// describe says what machine this is, with the disk of a folder and the build of a
// binary.
func describe(dir, binary string) (m machine, err error) {
	m = machine{Cores: runtime.NumCPU(), CPU: cpuModel()}
	build, err := buildinfo.ReadFile(binary)
	if err != nil {
		return m, fmt.Errorf("read what was built: %w", err)
	}
	m.GoVersion = build.GoVersion
	for _, setting := range build.Settings {
		switch {
		case setting.Key == "vcs.revision":
			m.Commit = setting.Value[:min(len(setting.Value), 12)] + m.Commit
		case setting.Key == "vcs.modified" && setting.Value == "true":
			m.Commit += " with changes"
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return m, fmt.Errorf("look at the disk: %w", err)
	}
	const tmpfs = 0x01021994
	m.InMemory = disk.Type == tmpfs
	times, err := fsyncTimes(filepath.Join(dir, "fsync"), 200)
	m.FsyncP50, m.FsyncP99 = milliseconds(percentile(times, 50)), milliseconds(percentile(times, 99))
	return m, err
}

func (m machine) String() string {
	commit := m.Commit
	if commit == "" {
		commit = "unknown"
	}
	text := fmt.Sprintf("%d cores, %s; fsync of 4 KiB: p50 %.2f ms, p99 %.2f ms; %s; commit %s",
		m.Cores, m.CPU, m.FsyncP50, m.FsyncP99, m.GoVersion, commit)
	if m.InMemory {
		text += "\nThe databases are in memory (tmpfs), where fsync does nothing: name a folder on a disk with -dir."
	}
	return text
}

// cpuModel is what the system calls the processor, "" if it does not say.
func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(info, []byte("model name"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	_, name, _ := strings.Cut(string(line), ":")
	return strings.TrimSpace(name)
}

// fsyncTimes appends 4 KiB to a file and syncs it, again and again, and gives the
// sorted times.
func fsyncTimes(path string, n int) ([]time.Duration, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("measure fsync: %w", err)
	}
	block := make([]byte, 4<<10)
	times := make([]time.Duration, 0, n)
	for range n {
		begin := time.Now()
		if _, err = file.Write(block); err == nil {
			err = file.Sync()
		}
		if err != nil {
			break
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	if err = errors.Join(err, file.Close(), os.Remove(path)); err != nil {
		return nil, fmt.Errorf("measure fsync: %w", err)
	}
	return times, nil
}
