package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

const (
	// Of what goroutines wait for each other, so much is noted that the noting barely
	// costs: one of so many waits for a mutex, and one wait of any kind for each so long
	// that is waited in all.
	mutexFraction = 100
	blockInterval = 10 * time.Millisecond
)

// serveProfiled is a Chappe that serves until ctx ends. The server itself has no door
// for profilers.
func serveProfiled(ctx context.Context, configFile, prefix string) error {
	cfg, err := config.Load(configFile)
	if err != nil {
		return err
	}
	log := logrus.New()
	log.SetLevel(logrus.WarnLevel)
	s, err := server.New(cfg, logrus.NewEntry(log))
	if err != nil {
		return err
	}
	return profiled(prefix, func() error { return s.Run(ctx) })
}

// profiled does something and then leaves prefix.cpu.pprof, prefix.allocs.pprof,
// prefix.mutex.pprof and prefix.block.pprof.
func profiled(prefix string, do func() error) error {
	cpu, err := os.Create(prefix + ".cpu.pprof")
	if err != nil {
		return fmt.Errorf("make the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return fmt.Errorf("start the CPU profile: %w", err)
	}
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(int(blockInterval.Nanoseconds()))
	err = do()
	pprof.StopCPUProfile()
	err = errors.Join(err, cpu.Close())
	for _, name := range []string{"allocs", "mutex", "block"} {
		err = errors.Join(err, writeProfile(prefix, name))
	}
	return err
}

// writeProfile writes one of the profiles that the runtime keeps.
func writeProfile(prefix, name string) error {
	file, err := os.Create(prefix + "." + name + ".pprof")
	if err != nil {
		return fmt.Errorf("make the %s profile: %w", name, err)
	}
	return errors.Join(pprof.Lookup(name).WriteTo(file, 0), file.Close())
}
