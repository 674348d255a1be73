package simulation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A fault is a kind of thing that goes wrong.
type fault string

// The kinds of faults.
const (
	requestLost  fault = "requests lost"
	answerLost   fault = "answers lost"
	late         fault = "requests or answers late" // by a second or more
	doubled      fault = "requests doubled"
	overtaken    fault = "requests overtaken"   // by a later one on the same way
	turnedAway   fault = "requests turned away" // by a proxy, with 429, 502 or 503
	cutOff       fault = "requests cut off"     // by a partition
	crashed      fault = "crashes"
	powerFailed  fault = "crashes in a write"
	changeUndone fault = "unsynced changes dropped"
	writeFailed  fault = "writes failed"
	clockMoved   fault = "clocks moved"
)

var allFaults = []fault{requestLost, answerLost, late, doubled, overtaken, turnedAway, cutOff, crashed, powerFailed,
	changeUndone, writeFailed, clockMoved}

// Faults counts what went wrong, by kind.
type Faults map[fault]int

// String lists the counts in a fixed order.
func (f Faults) String() string {
	var words []string
	for _, kind := range allFaults {
		words = append(words, fmt.Sprintf("%d %s", f[kind], kind))
	}
	return strings.Join(words, ", ")
}

// Add adds the counts of another run.
func (f Faults) Add(other Faults) {
	for kind, n := range other {
		f[kind] += n
	}
}

// A tally counts faults, and keeps the trace of a run: what happened, and when.
type tally struct {
	began time.Time

	mu     sync.Mutex
	faults Faults   // guarded by mu
	trace  []string // guarded by mu
}

func (t *tally) note(kind fault, n int, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[kind] += n
	t.trace = append(t.trace, fmt.Sprintf("%12v %s: ", time.Since(t.began), kind)+fmt.Sprintf(format, args...))
}

// say puts something into the trace that is no fault.
func (t *tally) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trace = append(t.trace, fmt.Sprintf("%12v ", time.Since(t.began))+fmt.Sprintf(format, args...))
}

func (t *tally) result() (Faults, []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	faults := Faults{}
	faults.Add(t.faults)
	return faults, slices.Clone(t.trace)
}
