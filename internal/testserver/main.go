package testserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

// configEnv names the environment variable that makes a server of a test binary.
// It holds the path of the configuration.
const configEnv = "CHAPPE_TESTSERVER_CONFIG"

// Main runs the tests, or a server where the process was started to be one. It
// does not return.
func Main(m *testing.M) {
	path := os.Getenv(configEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	go dieWithParent()
	if err := serve(path); err != nil {
		fmt.Fprintln(os.Stderr, "server failed:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// dieWithParent ends the process once its standard input does: the other end is
// held by the tests alone, and closed by the system however they end.
func dieWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(3)
}

func serve(path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := readConfig(path)
	if err != nil {
		return err
	}
	level, err := logrus.ParseLevel(cfg.Log.Level)
	if err != nil {
		return err
	}
	log := logrus.New()
	log.SetLevel(level)
	if cfg.Log.Format == "json" {
		log.SetFormatter(&logrus.JSONFormatter{})
	}
	s, err := server.New(cfg, logrus.NewEntry(log))
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func readConfig(path string) (cfg config.Config, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return cfg, err
	}
	if err := json.Unmarshal(text, &cfg); err != nil {
		return cfg, fmt.Errorf("read the configuration: %w", err)
	}
	return cfg, cfg.Validate()
}
