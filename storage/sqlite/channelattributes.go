package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// ChangeChannelAttributes changes what is kept of a channel, and gives all that is kept
// of it then, by key. It fails with todevice.ErrTooMuchData if that would be more than
// it may be; nothing is changed then.
func (s *Store) ChangeChannelAttributes(ctx context.Context, c todevice.ChannelAttributeChange) (kept []todevice.ChannelAttribute, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		kept, err = t.changeChannelAttributes(c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("change the attributes of a channel: %w", err)
	}
	return kept, nil
}

// ChannelAttributes gives what is kept of a channel, by key.
func (s *Store) ChannelAttributes(ctx context.Context, c todevice.Channel) ([]todevice.ChannelAttribute, error) {
	rows, err := s.query(ctx, channelAttributes, c.App, c.Name)
	kept, err := collect(rows, err, scanChannelAttribute)
	if err != nil {
		return nil, fmt.Errorf("read the attributes of a channel: %w", err)
	}
	return kept, nil
}

// ChannelsWithAttributes gives the channels of which anything is kept.
func (s *Store) ChannelsWithAttributes(ctx context.Context) ([]todevice.Channel, error) {
	rows, err := s.query(ctx, `SELECT DISTINCT app, channel FROM channel_attributes`)
	channels, err := collect(rows, err, func(rows *sql.Rows) (c todevice.Channel, err error) {
		return c, rows.Scan(&c.App, &c.Name)
	})
	if err != nil {
		return nil, fmt.Errorf("look for attributes of channels: %w", err)
	}
	return channels, nil
}

// ForgetChannelAttributes removes all that is kept of a channel. Where that is nothing
// it costs no commit.
func (s *Store) ForgetChannelAttributes(ctx context.Context, c todevice.Channel) error {
	kept, err := s.ChannelAttributes(ctx, c)
	if err != nil || len(kept) == 0 {
		return err
	}
	err = s.write(ctx, func(t *tx) error { return t.clearChannelAttributes(c) })
	if err != nil {
		return fmt.Errorf("forget the attributes of a channel: %w", err)
	}
	return nil
}

const channelAttributes = `SELECT key, value, uid, at FROM channel_attributes WHERE app = ? AND channel = ? ORDER BY key`

func scanChannelAttribute(rows *sql.Rows) (a todevice.ChannelAttribute, err error) {
	return a, rows.Scan(&a.Key, &a.Value, &a.UID, (*unixMillis)(&a.At))
}

func (t *tx) channelAttributes(c todevice.Channel) ([]todevice.ChannelAttribute, error) {
	rows, err := t.query(channelAttributes, c.App, c.Name)
	return collect(rows, err, scanChannelAttribute)
}

func (t *tx) changeChannelAttributes(c todevice.ChannelAttributeChange) ([]todevice.ChannelAttribute, error) {
	before, err := t.channelAttributes(c.Channel)
	if err != nil {
		return nil, err
	}
	if len(c.Set) > 0 && bytesAfter(before, c) > c.MaxBytes {
		return nil, todevice.ErrTooMuchData
	}
	if c.Clear {
		if err := t.clearChannelAttributes(c.Channel); err != nil {
			return nil, err
		}
	}
	for _, key := range c.Delete {
		if _, err := t.exec(`DELETE FROM channel_attributes WHERE app = ? AND channel = ? AND key = ?`, c.Channel.App, c.Channel.Name, key); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Set)) {
		_, err := t.exec(`INSERT OR REPLACE INTO channel_attributes (app, channel, key, value, uid, localpart, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			c.Channel.App, c.Channel.Name, key, c.Set[key], c.UID, c.Localpart, t.nowMillis())
		if err != nil {
			return nil, err
		}
	}
	return t.channelAttributes(c.Channel)
}

func (t *tx) clearChannelAttributes(c todevice.Channel) error {
	_, err := t.exec(`DELETE FROM channel_attributes WHERE app = ? AND channel = ?`, c.App, c.Name)
	return err
}

// bytesAfter gives how much is kept once a change is made.
func bytesAfter(before []todevice.ChannelAttribute, c todevice.ChannelAttributeChange) (bytes int) {
	for _, a := range before {
		_, replaced := c.Set[a.Key]
		if !c.Clear && !replaced && !slices.Contains(c.Delete, a.Key) {
			bytes += len(a.Key) + len(a.Value)
		}
	}
	for key, value := range c.Set {
		bytes += len(key) + len(value)
	}
	return bytes
}
