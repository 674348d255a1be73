package simulation_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/simulation"
)

var (
	runFor   = flag.Duration("simulate.for", 0, "run seeds for as long as this, instead of a fixed number")
	seeds    = flag.Int("simulate.seeds", 0, "run so many seeds")
	first    = flag.Uint64("simulate.seed", 1, "the first seed")
	messages = flag.Int("simulate.messages", 200, "send at least so many messages in each run")
	all      = flag.Bool("simulate.all", false, "let every kind of fault happen in each run, and not only some")
	trace    = flag.Bool("simulate.trace", false, "print what happened in each run")
)

// run runs a seed in a bubble of its own.
func run(t *testing.T, o simulation.Options) (result simulation.Result, err error) {
	o.Folder = folder(t)
	defer func() { _ = os.RemoveAll(o.Folder) }() // many runs, little room
	synctest.Test(t, func(t *testing.T) { result, err = simulation.Run(t.Context(), o) })
	return result, err
}

// folder is in memory where there is such a place: no run needs the real disk.
func folder(t *testing.T) string {
	t.Helper()
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	name, err := os.MkdirTemp(parent, "chappe-simulation-")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A summary adds up runs. Its methods may be called from any goroutine.
type summary struct {
	mu       sync.Mutex
	runs     int
	failed   []uint64
	messages int
	devices  int // messages times the devices they were for
	faults   simulation.Faults
	lost     int
	doubled  int
	late     int
	lists    int
	time     time.Duration
}

func (s *summary) add(seed uint64, r simulation.Result, bad bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	if bad {
		s.failed = append(s.failed, seed)
	}
	s.messages += r.Messages
	s.devices += r.Accepted
	s.faults.Add(r.Faults)
	s.lost += r.Lost
	s.doubled += r.Duplicated
	s.late += r.OutOfOrder
	s.lists += r.DeviceLists
	s.time += r.Simulated
}

func (s *summary) String() string {
	return fmt.Sprintf("%d seeds, %d messages, %d deliveries accepted, %v simulated\nfaults: %v\nlost %d, duplicated %d, reordered %d; %d device lists compared",
		s.runs, s.messages, s.devices, s.time.Round(time.Minute), s.faults, s.lost, s.doubled, s.late, s.lists)
}

// check runs a seed and tells whether all was well.
func check(t *testing.T, s *summary, seed uint64, bug simulation.Bug) (fine bool) {
	t.Helper()
	result, err := run(t, simulation.Options{Seed: seed, Messages: *messages, AllFaults: *all, Bug: bug})
	fine = err == nil && len(result.Faults) > 0 && len(result.Report.Faults) == 0 && len(result.Differ) == 0
	s.add(seed, result, !fine)
	if *trace {
		t.Logf("seed %d:\n%s", seed, strings.Join(result.Trace, "\n"))
	}
	if !fine && bug == simulation.NoBug {
		t.Errorf("seed %d: %v, %v\n%s\nagain: go test ./simulation -run Faults -simulate.seeds 1 -simulate.seed %d -simulate.all=%v -simulate.trace",
			seed, err, result.Report, strings.Join(result.Differ, "\n"), seed, *all)
	}
	return fine
}

// Everything that was accepted is delivered once and in order, whatever happens to
// the network, to the servers and to their disks.
func TestFaultsNeverLoseRepeatOrReorderMessages(t *testing.T) {
	s := &summary{faults: simulation.Faults{}}
	if *runFor > 0 {
		defer progress(s)()
	}
	next := make(chan uint64)
	go func() {
		defer close(next)
		until := time.Now().Add(*runFor)
		for seed := *first; ; seed++ {
			ran := int(seed - *first)
			if *runFor > 0 && time.Now().After(until) || *runFor == 0 && ran >= count() {
				return
			}
			next <- seed
		}
	}()
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := range next {
					check(t, s, seed, simulation.NoBug)
				}
			})
		}
	})
	t.Log(s)
}

// count is how many seeds are run if nobody says: what takes less than a minute.
func count() int {
	switch {
	case *seeds > 0:
		return *seeds
	case underRace:
		return 30
	}
	return 200
}

// progress says now and then how far a long run has come. The function it gives
// ends that.
func progress(s *summary) (stop func()) {
	ticker, done := time.NewTicker(10*time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				s.mu.Lock()
				fmt.Printf("%d seeds so far, %d of them failed\n", s.runs, len(s.failed))
				s.mu.Unlock()
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}

// A simulation that finds nothing may be blind. Each of these bugs must be found.
func TestPlantedBugsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		bug   simulation.Bug
		shows func(simulation.Result) bool
	}{
		"received transactions and EDUs are forgotten": {simulation.DedupForgotten, func(r simulation.Result) bool { return r.Duplicated > 0 }},
		"a confirmation takes one too many":            {simulation.AckOffByOne, func(r simulation.Result) bool { return r.Lost > 0 }},
		"commits are not synced":                       {simulation.UnsyncedCommit, func(r simulation.Result) bool { return r.Lost > 0 }},
		"stale device lists are not asked for":         {simulation.StaleForgotten, func(r simulation.Result) bool { return len(r.Differ) > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 200
			for seed := uint64(1); seed <= most; seed++ {
				result, err := run(t, simulation.Options{Seed: seed, Messages: *messages, Bug: c.bug})
				if err != nil || c.shows(result) {
					t.Logf("seed %d: %v, %v", seed, err, result.Counts)
					return
				}
			}
			t.Errorf("not found by %d seeds", most)
		})
	}
}

// A seed that found something must find it again: the same faults happen at the
// same times. What happens within one instant has no order, and can now and then
// lead elsewhere; so a few of the seeds may.
func TestSeedHappensTheSameWayAgain(t *testing.T) {
	const tried, mayDiffer = 20, 7
	differ := 0
	for seed := uint64(1); seed <= tried; seed++ {
		var traces [2][]string
		for i := range traces {
			result, err := run(t, simulation.Options{Seed: seed, Messages: 50})
			if err != nil {
				t.Fatal(err)
			}
			traces[i] = slices.Sorted(slices.Values(result.Trace))
		}
		if !slices.Equal(traces[0], traces[1]) {
			differ++
			t.Logf("seed %d: %d and %d lines, different from\n%s", seed, len(traces[0]), len(traces[1]), firstDifference(traces[0], traces[1]))
		}
	}
	if differ > mayDiffer {
		t.Errorf("%d of %d seeds went another way the second time", differ, tried)
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + "\n" + b[i]
		}
	}
	return "(the end of one)"
}
