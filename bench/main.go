// Command bench measures the real server: it starts the binary, drives it over WebSockets and
// HTTP from this process, checks every message, key and change that arrives, and
// prints what it cost. Beside it it puts floors, the least that could do the same (see
// floors.go), driven by the same generator.
//
//	make bench                            # everything, about twenty minutes; writes RESULTS.md
//	make bench SCENARIO=local             # one scenario, only printed
//	go run ./bench -scenario local -for 30s
//	taskset -c 0,1 go run ./bench         # the wanted figures are for two cores
//
// With -hs URL it drives a homeserver that is there already, of any make (see hs.go).
//
// It needs Linux: processor time and memory are read from /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the benchmark, or one of the servers it starts by executing itself.
func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch o.as {
	case asFloor:
		return serveFloor(ctx, o.listen)
	case asDurable:
		return serveDurable(ctx, o.listen, o.dir)
	case asHub:
		return serveHub(ctx, o.listen)
	case asStore, asSQLite:
		return fillStore(ctx, o)
	case asChappe:
		return serveProfiled(ctx, o.config, o.profile)
	case asDay:
		return serveDay(ctx, o)
	}
	if o.hs != "" {
		return runHomeserver(ctx, o, os.Stdout)
	}
	return runBench(ctx, o)
}
