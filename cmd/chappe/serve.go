package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

type serve struct {
	configFlag
}

// Run serves until SIGINT or SIGTERM.
func (c *serve) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, err := server.New(cfg, newLog(cfg.Log))
	if err != nil {
		return err
	}
	if c.Config == "" {
		printPlayground(os.Stdout, cfg, s.ClientAddr())
	}
	tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return s.Run(ctx)
}

// newLog makes the log on standard error. The configuration has been checked.
func newLog(cfg config.Log) *logrus.Entry {
	log := logrus.New()
	if level, err := logrus.ParseLevel(cfg.Level); err == nil {
		log.SetLevel(level)
	}
	if cfg.Format == "json" {
		log.SetFormatter(&logrus.JSONFormatter{})
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	}
	return logrus.NewEntry(log)
}
