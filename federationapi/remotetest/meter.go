package remotetest

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// A Meter measures what the timed parts of a benchmark take of the machine: those
// between Start and Stop.
type Meter struct {
	b   *testing.B
	cpu time.Duration
	// writes counts calls to write to files and sockets, written their bytes.
	writes, written int64
}

// NewMeter makes a meter for a benchmark, which reports its allocations as well.
func NewMeter(b *testing.B) *Meter {
	b.ReportAllocs()
	return &Meter{b: b}
}

// Start begins a timed part.
func (m *Meter) Start() {
	writes, written := m.io()
	m.writes -= writes
	m.written -= written
	m.b.StartTimer()
	m.cpu -= m.processor()
}

// Stop ends it.
func (m *Meter) Stop() {
	m.cpu += m.processor()
	m.b.StopTimer()
	writes, written := m.io()
	m.writes += writes
	m.written += written
}

// Report gives what it comes to for each of so many EDUs.
func (m *Meter) Report(edus int) {
	each := 1 / float64(edus)
	m.b.ReportMetric(float64(m.b.Elapsed().Microseconds())*each, "µs/edu")
	m.b.ReportMetric(float64(m.cpu.Microseconds())*each, "cpu-µs/edu")
	m.b.ReportMetric(float64(m.writes)*each, "writes/edu")
	m.b.ReportMetric(float64(m.written)*each, "written-B/edu")
}

// processor gives the time of processors that the process has had.
func (m *Meter) processor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		m.b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// io reads what the process has written so far. Where the kernel keeps no account of it
// both are 0.
func (m *Meter) io() (writes, written int64) {
	account, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, 0
	}
	var ignored int64
	_, err = fmt.Sscanf(string(account), "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\n", &ignored, &written, &ignored, &writes)
	if err != nil {
		m.b.Fatal(err)
	}
	return writes, written
}
