package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// chappePackage is the program that is measured.
const chappePackage = "github.com/chappe-im/chappe/cmd/chappe"

// settle is how long a server is left alone before its memory is read.
const settle = 3 * time.Second

// A bench is one run of the benchmark.
type bench struct {
	options
	dir    string // for everything that goes when it was measured
	self   string // this program
	server string // the program that is measured
	report report
	say    func(format string, args ...any)
	// perSecond is what Chappe delivered in the local scenario, and federatedPerSecond
	// in the federated one; 0 before it.
	perSecond, federatedPerSecond float64
}

// runBench measures what was asked for and prints it. It fails if a message, a key or
// a change was lost, came twice or came in the wrong order.
func runBench(ctx context.Context, o options) (err error) {
	debug.SetGCPercent(400) // memory for time: this process shares its cores with the server
	b := &bench{options: o, say: log.New(os.Stderr, "bench: ", 0).Printf}
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if b.dir, err = os.MkdirTemp(o.dir, "chappe-bench-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.build(ctx); err != nil {
		return err
	}
	if b.report.Machine, err = describe(b.dir, b.server); err != nil {
		return err
	}
	all := b.dir
	for run := range o.count {
		b.dir = filepath.Join(all, fmt.Sprint("run", run+1))
		if err := errors.Join(b.once(ctx), os.RemoveAll(b.dir)); err != nil {
			return err
		}
	}
	return nil
}

// once measures what was asked for one time, and reports it.
func (b *bench) once(ctx context.Context) error {
	b.report = report{Date: time.Now(), Machine: b.report.Machine}
	err := b.scenarios(ctx)
	if b.benchfmt {
		b.report.printBenchmarks(os.Stdout)
	} else {
		b.report.print(os.Stdout)
	}
	if b.json != "" {
		err = errors.Join(err, b.report.write(b.json))
	}
	if b.results != "" && err == nil {
		err = b.report.writeResults(b.results)
	}
	if err == nil && !b.report.kept() {
		err = errors.New("something was lost, duplicated or out of order")
	}
	return err
}

// build builds the real binary, if none was given.
func (b *bench) build(ctx context.Context) (err error) {
	if b.binary != "" {
		b.server, err = filepath.Abs(b.binary) // or it would be looked for in PATH
		return err
	}
	b.say("building %s", chappePackage)
	b.server = filepath.Join(b.dir, "chappe")
	command := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-o", b.server, chappePackage)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("build %s: %w", chappePackage, err)
	}
	if b.profile == "" {
		return nil
	}
	b.say("with -profile Chappe runs inside this program: the figures are not those of the binary")
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return fmt.Errorf("make the folder for profiles: %w", err)
	}
	return nil
}

func (b *bench) scenarios(ctx context.Context) error {
	needs := func(latency string) bool { return b.wants(latency) && b.rate == 0 }
	for _, scenario := range []struct {
		wanted bool
		run    func(context.Context) error
	}{
		{b.wants(localScenario) || needs(latencyScenario), b.local},
		{b.wants(latencyScenario), b.latency},
		{b.wants(idleScenario), b.idlePolls},
		{b.wants(federatedScenario) || needs(federatedLatencyScenario), b.federated},
		{b.wants(federatedLatencyScenario), b.federatedLatency},
		{b.wants(drainScenario), b.drain},
		{b.wants(deadScenario), b.dead},
		{b.wants(uploadScenario), b.uploadKeys},
		{b.wants(queryScenario), b.queryKeys},
		{b.wants(claimScenario), b.claimKeys},
		{b.wants(listsScenario), b.deviceLists},
		{b.wants(wakeScenario), b.wakeAll},
		{b.wants(loginScenario), b.login},
		{b.wants(rtmPeerScenario), b.rtmPeer},
		{b.wants(rtmLatencyScenario), b.rtmLatency},
		{b.wants(rtmChannelScenario), b.rtmChannels},
		{b.wants(rtmIdleScenario), b.rtmIdle},
		{b.wants(storeScenario), b.store},
		{b.wants(idleManyScenario), b.manyIdlePolls},
		{b.wants(growthScenario), b.growth},
		{b.wants(dayScenario), b.day},
	} {
		if !scenario.wanted {
			continue
		}
		syscall.Sync() // what the one before has written, and removed, is no burden of this one
		if err := scenario.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// both measures the floor and Chappe, one after the other, each in a process of
// its own, Chappe with an empty database but for these users.
func both[R any](ctx context.Context, b *bench, scenario string, users []person, measure func(context.Context, *process) (R, error)) (comparison[R], error) {
	return inTurn(ctx, b, scenario, []string{asFloor}, func() (*process, error) { return b.startAlone(ctx, scenario, users) }, measure)
}

// inTurn measures floors, which are this program as something else, and then what is
// started.
func inTurn[R any](ctx context.Context, b *bench, scenario string, floors []string, startChappe func() (*process, error), measure func(context.Context, *process) (R, error)) (c comparison[R], err error) {
	if b.chappeOnly {
		floors = nil
	}
	for _, as := range floors {
		start := func() (*process, error) { return b.startFloor(ctx, scenario, as) }
		floor := floorRun[R]{name: floorName(as)}
		if floor.did, err = measureOne(ctx, b, scenario, floor.name, start, measure); err != nil {
			return c, err
		}
		c.floors = append(c.floors, floor)
	}
	c.chappe, err = measureOne(ctx, b, scenario, "Chappe", startChappe, measure)
	return c, err
}

// measureOne starts a server, measures it and stops it.
func measureOne[R any](ctx context.Context, b *bench, scenario, name string, start func() (*process, error), measure func(context.Context, *process) (R, error)) (did R, err error) {
	b.say("%s: %s", scenario, name)
	p, err := start()
	if err != nil {
		return did, err
	}
	did, err = measure(ctx, p)
	if err = errors.Join(err, p.stop()); err != nil {
		return did, fmt.Errorf("%s: %s: %w", scenario, name, err)
	}
	return did, nil
}

// startFloor starts this program as something else, with a new folder.
func (b *bench) startFloor(ctx context.Context, scenario, as string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, scenario+"-"+as)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return start(ctx, floorName(as), address, b.self, "-as", as, "-listen", address, "-dir", dir)
}

// startAlone starts one Chappe with a database of its own.
func (b *bench) startAlone(ctx context.Context, scenario string, users []person) (*process, error) {
	d, err := newDeployment(filepath.Join(b.dir, scenario), aloneServer)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(ctx, users); err != nil {
		return nil, err
	}
	return b.startChappe(ctx, d, scenario)
}

// startChappe starts the real binary, or with -profile the same server in this
// program.
func (b *bench) startChappe(ctx context.Context, d *deployment, profileName string) (*process, error) {
	program, args := b.chappe(d, profileName)
	return start(ctx, "Chappe "+string(d.name), d.client, program, args...)
}

// chappe is the program that serves a deployment, with its arguments.
func (b *bench) chappe(d *deployment, profileName string) (program string, args []string) {
	if b.profile == "" {
		return b.server, []string{"serve", "--config", d.configFile()}
	}
	return b.self, []string{"-as", asChappe, "-config", d.configFile(), "-profile", filepath.Join(b.profile, profileName)}
}

// aloneServer is the name of a server that knows no other.
const aloneServer = spec.ServerName("bench.test")
