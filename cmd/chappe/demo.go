package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/chappe-im/chappe/internal/demo"
)

type demoCommand struct{}

// Run shows the demonstration and ends.
func (demoCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return demo.Run(ctx, os.Stdout)
}
