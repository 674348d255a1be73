package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The servers this program can be, rather than the benchmark.
const (
	asFloor   = "floor"
	asDurable = "durable"
	asHub     = "hub"
	asChappe  = "chappe"
	asStore   = "store"
	asSQLite  = "sqlite"
	asDay     = "day"
)

const allScenarios = "all"

// scenarios are what -scenario can be.
func scenarios() []string {
	return []string{
		localScenario, latencyScenario, idleScenario,
		federatedScenario, federatedLatencyScenario, drainScenario, deadScenario,
		uploadScenario, queryScenario, claimScenario, listsScenario, wakeScenario, loginScenario,
		rtmPeerScenario, rtmLatencyScenario, rtmChannelScenario, rtmIdleScenario,
		storeScenario, idleManyScenario, growthScenario, dayScenario, allScenarios,
	}
}

// options are what the command line says.
type options struct {
	scenario           string
	warmup, measured   time.Duration
	drainFor           time.Duration
	senders, receivers int
	size               int     // bytes of a content
	rate               float64 // messages per second of the latency scenarios; 0: a tenth of what was delivered
	idle               int
	queued             int // messages
	deadServers        int
	devices            int // that have keys
	peers              int
	sessions           int // of RTM users
	growthDevices      int
	growthMessages     int // that wait for them
	dayHours           int
	dayRate            float64 // messages per second of simulated time
	dir                string
	json               string
	results            string // a folder, "" for none
	profile            string
	binary             string // of the server; "" until it is built
	chappeOnly         bool   // without the floors
	benchfmt           bool
	count              int // how often all is measured

	hs                  string // the URL of a server that is there already, "" for none
	accounts, tokenFile string

	// For a process that is one of the servers.
	as, listen, config string
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.scenario, "scenario", allScenarios, "what to measure: "+strings.Join(scenarios(), ", "))
	flags.DurationVar(&o.warmup, "warmup", 2*time.Second, "how long to run before measuring")
	flags.DurationVar(&o.measured, "for", 16*time.Second, "how long to measure")
	flags.DurationVar(&o.drainFor, "drain", time.Minute, "how long to wait, at most, for what was accepted to arrive")
	flags.IntVar(&o.senders, "senders", 64, "devices that send, each one message at a time")
	flags.IntVar(&o.receivers, "receivers", 64, "devices that long-poll; sender i sends to receiver i modulo this")
	flags.IntVar(&o.size, "size", 256, "bytes of a message's content")
	flags.Float64Var(&o.rate, "rate", 0, "messages per second of the latency scenarios; 0: a tenth of the delivered/s of local and federated, which are measured first")
	flags.IntVar(&o.idle, "idle", 2000, "long polls of the idle scenario")
	flags.IntVar(&o.queued, "queued", 10_000, "messages that wait for the peer of the drain scenario")
	flags.IntVar(&o.deadServers, "dead", 10_000, "servers that are down in the dead scenario")
	flags.IntVar(&o.devices, "devices", 2000, "devices that upload keys, and whose keys are claimed: a multiple of 50")
	flags.IntVar(&o.peers, "peers", 1000, "users one is interested in, in the device-lists scenario, or who are interested in one, in wake")
	flags.IntVar(&o.sessions, "sessions", 10_000, "RTM sessions that are idle, or in one channel, and a tenth of them in another run: a multiple of 10")
	flags.IntVar(&o.growthDevices, "growth-devices", 1_000_000, "devices in the file of the growth scenario")
	flags.IntVar(&o.growthMessages, "growth-messages", 10_000_000, "messages that wait for them; of 10,000,000 the file has 4 GB")
	flags.IntVar(&o.dayHours, "day-hours", 26, "simulated hours of the day scenario")
	flags.Float64Var(&o.dayRate, "day-rate", 20, "messages per second of simulated time there: 20 takes some minutes, 500 an hour or two")
	flags.StringVar(&o.dir, "dir", "", "where to keep the databases meanwhile; empty: the system's temporary folder")
	flags.StringVar(&o.json, "json", "", "write the figures to this file, too")
	flags.StringVar(&o.results, "results", "", "write RESULTS.md, results.json and charts to this folder, too")
	flags.StringVar(&o.profile, "profile", "", "run Chappe inside this program and write its CPU, allocation, mutex and block profiles to this folder")
	flags.StringVar(&o.binary, "binary", "", "measure this build of Chappe, instead of building one")
	flags.BoolVar(&o.chappeOnly, "chappe-only", false, "leave the floors out")
	flags.BoolVar(&o.benchfmt, "benchfmt", false, "print Chappe's figures as Go benchmarks, for benchstat, instead of the table")
	flags.IntVar(&o.count, "count", 1, "how often to measure; more than once, each time is one run of -for, instead of several in turn with the floor")
	flags.StringVar(&o.as, "as", "", "used by the benchmark itself: be the server floor, durable, hub or chappe, or store, sqlite or day")
	flags.StringVar(&o.listen, "listen", "", "with -as floor, durable or hub: host:port")
	flags.StringVar(&o.config, "config", "", "with -as chappe: its configuration")
	o.addHomeserver(flags)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if err := o.settleHomeserver(flags); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, o.check()
}

func (o options) check() error {
	switch {
	case !slices.Contains(scenarios(), o.scenario):
		return fmt.Errorf("-scenario: want one of %v", scenarios())
	case min(o.senders, o.receivers, o.idle, o.queued, o.deadServers, o.peers) < 1:
		return errors.New("-senders, -receivers, -idle, -queued, -dead and -peers: want at least 1")
	case o.devices < claimBatch || o.devices%claimBatch != 0:
		return fmt.Errorf("-devices: want a multiple of %d", claimBatch)
	case o.sessions < 10*rtmPublishers || o.sessions%10 != 0:
		return fmt.Errorf("-sessions: want a multiple of 10, at least %d", 10*rtmPublishers)
	case o.growthDevices < 2 || o.growthMessages < o.growthDevices:
		return errors.New("-growth-devices: want at least 2, and -growth-messages: at least as many")
	case o.dayHours < 2 || o.dayRate <= 0:
		return errors.New("-day-hours: want at least 2, and -day-rate: messages per second")
	case o.size < minSize || o.size > maxSize:
		return fmt.Errorf("-size: want %d to %d", minSize, maxSize)
	case o.measured <= 0:
		return errors.New("-for: want a time to measure")
	case o.count < 1:
		return errors.New("-count: want at least 1")
	case o.count > 1 && (o.json != "" || o.results != ""):
		return errors.New("-json and -results: they hold one run, not the several of -count")
	case o.binary != "" && o.scenario == storeScenario:
		return errors.New("-binary: the store scenario measures what is built into this program")
	case o.binary != "" && o.profile != "":
		return errors.New("-profile: what runs inside this program is no -binary")
	case o.rate < 0:
		return errors.New("-rate: want messages per second")
	}
	return nil
}

// wants tells whether a scenario was asked for.
func (o options) wants(scenario string) bool {
	return o.scenario == allScenarios || o.scenario == scenario
}

// turns is how often the floors and Chappe take turns in a scenario that would have it so
// many times. Who compares runs of Chappe wants each to be one.
func (o options) turns(turns int) int {
	if o.chappeOnly || o.count > 1 {
		return 1
	}
	return turns
}
