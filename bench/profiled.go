package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

// serveProfiled is a Chappe that serves until ctx ends and then leaves
// prefix.cpu.pprof and prefix.allocs.pprof. The server itself has no door for
// profilers.
func serveProfiled(ctx context.Context, configFile, prefix string) (err error) {
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
	cpu, err := os.Create(prefix + ".cpu.pprof")
	if err != nil {
		return fmt.Errorf("make the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return fmt.Errorf("start the CPU profile: %w", err)
	}
	err = s.Run(ctx)
	pprof.StopCPUProfile()
	return errors.Join(err, cpu.Close(), writeAllocations(prefix+".allocs.pprof"))
}

func writeAllocations(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make the allocation profile: %w", err)
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}
