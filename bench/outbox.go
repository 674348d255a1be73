package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// awaitOutbox looks into the outbox of a server that runs, every so often, until it
// is as it should be.
func awaitOutbox(ctx context.Context, d *deployment, every time.Duration, asItShould func([]todevice.Destination) bool) (err error) {
	store, err := sqlite.Open(d.database(), sqlite.Options{ServerName: d.name})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for {
		waiting, err := store.Destinations(ctx)
		if err != nil {
			return fmt.Errorf("look into the outbox of %s: %w", d.name, err)
		}
		if asItShould(waiting) {
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return fmt.Errorf("wait for the outbox of %s: %w", d.name, err)
		}
	}
}
