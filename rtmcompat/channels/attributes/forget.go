package attributes

import (
	"context"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

const (
	// keepEmpty is how long the attributes of a channel without members are kept.
	keepEmpty = 5 * time.Minute
	// forgetEvery is how often it is looked for those that are to go.
	forgetEvery = time.Minute
)

// Ended notes that a channel has no members any more.
func (k *Keeper) Ended(app, channel string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.empty[todevice.Channel{App: app, Name: channel}] = time.Now()
}

// Run forgets the attributes of channels that have been empty for five to six minutes,
// until ctx ends. After a start all channels are empty, and the time begins anew.
func (k *Keeper) Run(ctx context.Context) error {
	channels, err := k.store.ChannelsWithAttributes(ctx)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("look for attributes of channels: %w", err)
	}
	for _, c := range channels {
		k.Ended(c.App, c.Name)
	}
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			k.forget(ctx, time.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

func (k *Keeper) forget(ctx context.Context, now time.Time) {
	for _, c := range k.emptySince(now.Add(-keepEmpty)) {
		if k.hub.Count(c.App, c.Name) > 0 {
			continue // its end will be told
		}
		if err := k.store.ForgetChannelAttributes(ctx, c); err != nil {
			if ctx.Err() == nil {
				k.log.WithError(err).Error("could not forget the attributes of an empty channel; will try again")
			}
			k.Ended(c.App, c.Name)
		}
	}
}

// emptySince gives the channels that have been empty since a time at least, and takes
// them off the list.
func (k *Keeper) emptySince(then time.Time) (channels []todevice.Channel) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c, since := range k.empty {
		if !since.After(then) {
			channels = append(channels, c)
			delete(k.empty, c)
		}
	}
	return channels
}
