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
	dir    string // for everything that goes when the run ends
	self   string // this program
	binary string // the built server
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
	if b.report.Machine, err = describe(b.dir, b.binary); err != nil {
		return err
	}
	err = b.scenarios(ctx)
	b.report.print(os.Stdout)
	if o.json != "" {
		err = errors.Join(err, b.report.write(o.json))
	}
	if err == nil && !b.report.kept() {
		err = errors.New("something was lost, duplicated or out of order")
	}
	return err
}

// build builds the real binary.
func (b *bench) build(ctx context.Context) error {
	b.say("building %s", chappePackage)
	b.binary = filepath.Join(b.dir, "chappe")
	command := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-o", b.binary, chappePackage)
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
	} {
		if !scenario.wanted {
			continue
		}
		if err := scenario.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// both measures the floor and Chappe, one after the other, each in a process of
// its own, Chappe with an empty database but for these users.
func both[R any](ctx context.Context, b *bench, scenario string, users []person, measure func(context.Context, *process) (R, error)) (floor, chappe R, err error) {
	return inTurn(ctx, b, scenario, asFloor, func() (*process, error) { return b.startAlone(ctx, scenario, users) }, measure)
}

// inTurn measures a floor, which is this program as something, and then what is started.
func inTurn[R any](ctx context.Context, b *bench, scenario, as string, startChappe func() (*process, error), measure func(context.Context, *process) (R, error)) (floor, chappe R, err error) {
	b.say("%s: the floor", scenario)
	p, err := b.startFloor(ctx, as)
	if err != nil {
		return floor, chappe, err
	}
	floor, err = measure(ctx, p)
	if err = errors.Join(err, p.stop()); err != nil {
		return floor, chappe, fmt.Errorf("%s: the floor: %w", scenario, err)
	}
	b.say("%s: Chappe", scenario)
	if p, err = startChappe(); err != nil {
		return floor, chappe, err
	}
	chappe, err = measure(ctx, p)
	if err = errors.Join(err, p.stop()); err != nil {
		return floor, chappe, fmt.Errorf("%s: Chappe: %w", scenario, err)
	}
	return floor, chappe, nil
}

func (b *bench) startFloor(ctx context.Context, as string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return start(ctx, "the floor", address, b.self, "-as", as, "-listen", address)
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
	name := "Chappe " + string(d.name)
	if b.profile == "" {
		return start(ctx, name, d.client, b.binary, "serve", "--config", d.configFile())
	}
	return start(ctx, name, d.client, b.self, "-as", asChappe, "-config", d.configFile(),
		"-profile", filepath.Join(b.profile, profileName))
}

// aloneServer is the name of a server that knows no other.
const aloneServer = spec.ServerName("bench.test")
