// Package attributes keeps what users of an RTM app write about its channels, under keys:
// on disk, and until a channel has been empty for some minutes. Who writes need not be in
// the channel.
package attributes

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// What is refused.
var (
	// ErrInvalid: a key or a value is empty or no UTF-8, or a key too long.
	ErrInvalid = errors.New("not an attribute")
	// ErrTooLarge: a value is too long, there are too many in one call, or it would be
	// too much for one channel.
	ErrTooLarge = errors.New("too much for the attributes of a channel")
)

// Store is where attributes are kept.
type Store interface {
	// ChangeChannelAttributes gives all that is kept after the change. It fails with
	// todevice.ErrTooMuchData.
	ChangeChannelAttributes(context.Context, todevice.ChannelAttributeChange) ([]todevice.ChannelAttribute, error)
	ChannelAttributes(context.Context, todevice.Channel) ([]todevice.ChannelAttribute, error)
	ChannelsWithAttributes(context.Context) ([]todevice.Channel, error)
	ForgetChannelAttributes(context.Context, todevice.Channel) error
}

// Hub has the members of channels.
type Hub interface {
	// Tell gives all members of a channel a frame.
	Tell(app, channel string, frame []byte)
	Count(app, channel string) int
}

// A Keeper keeps the attributes of the channels of one server. Its methods may be called
// from any goroutine.
type Keeper struct {
	store Store
	hub   Hub
	log   *logrus.Entry
	// changing has members told of changes in the order of these. A channel always has
	// the same of the locks.
	changing [64]sync.Mutex
	seed     maphash.Seed

	mu sync.Mutex
	// empty has, for channels that may have attributes and had no members a while ago,
	// when that was. Guarded by mu.
	empty map[todevice.Channel]time.Time
}

// New makes the keeper. Until Run is called nothing is forgotten.
func New(store Store, hub Hub, log *logrus.Entry) *Keeper {
	return &Keeper{store: store, hub: hub, log: log, seed: maphash.MakeSeed(), empty: make(map[todevice.Channel]time.Time)}
}

// A Writer is who changes attributes.
type Writer struct {
	App string
	UID string
	// Localpart is the user that the uid is.
	Localpart string
}

// Set makes these the attributes of a channel, and no others. With notify the members
// are told of all there are then; so do the other changes.
func (k *Keeper) Set(ctx context.Context, w Writer, channel string, values map[string]string, notify bool) error {
	return k.change(ctx, w, channel, todevice.ChannelAttributeChange{Clear: true, Set: values}, notify)
}

// Update sets these attributes, and leaves the others.
func (k *Keeper) Update(ctx context.Context, w Writer, channel string, values map[string]string, notify bool) error {
	return k.change(ctx, w, channel, todevice.ChannelAttributeChange{Set: values}, notify)
}

// Delete removes the attributes of these keys, as far as there are any.
func (k *Keeper) Delete(ctx context.Context, w Writer, channel string, keys []string, notify bool) error {
	return k.change(ctx, w, channel, todevice.ChannelAttributeChange{Delete: keys}, notify)
}

// Clear removes all attributes.
func (k *Keeper) Clear(ctx context.Context, w Writer, channel string, notify bool) error {
	return k.change(ctx, w, channel, todevice.ChannelAttributeChange{Clear: true}, notify)
}

func (k *Keeper) change(ctx context.Context, w Writer, channel string, c todevice.ChannelAttributeChange, notify bool) error {
	if err := check(c); err != nil {
		return err
	}
	c.Channel = todevice.Channel{App: w.App, Name: channel}
	c.UID, c.Localpart, c.MaxBytes = w.UID, w.Localpart, maxTotal
	changing := &k.changing[maphash.Comparable(k.seed, c.Channel)%uint64(len(k.changing))]
	changing.Lock()
	defer changing.Unlock()
	kept, err := k.store.ChangeChannelAttributes(ctx, c)
	switch {
	case errors.Is(err, todevice.ErrTooMuchData):
		return ErrTooLarge
	case err != nil:
		return fmt.Errorf("change attributes: %w", err)
	}
	if notify {
		k.hub.Tell(w.App, channel, changedFrame(channel, kept))
	}
	if k.hub.Count(w.App, channel) == 0 {
		k.Ended(w.App, channel)
	}
	return nil
}

// All gives the attributes of a channel, by key.
func (k *Keeper) All(ctx context.Context, app, channel string) ([]Attribute, error) {
	kept, err := k.store.ChannelAttributes(ctx, todevice.Channel{App: app, Name: channel})
	if err != nil {
		return nil, fmt.Errorf("read attributes: %w", err)
	}
	return attributesOf(kept), nil
}

// ByKeys gives those attributes of a channel that have one of the keys, by key.
func (k *Keeper) ByKeys(ctx context.Context, app, channel string, keys []string) ([]Attribute, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	all, err := k.All(ctx, app, channel)
	if err != nil {
		return nil, err
	}
	return withKeys(all, keys), nil
}
