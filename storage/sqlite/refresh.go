package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/chappe-im/chappe/todevice"
)

// maxUnused bounds the tokens a device may have been given and never used. A client
// needs more than one only while its network loses answers.
const maxUnused = 5

// allTokens is more refreshes than any token has.
const allTokens = math.MaxInt64

// Refresh gives the device of a refresh token further tokens, or fails with
// todevice.ErrUnknownToken. The tokens the device had work on until one of the further
// ones is used, as the answer to the client may be lost: then it asks again.
//
// https://spec.matrix.org/v1.15/client-server-api/#refreshing-access-tokens
func (s *Store) Refresh(ctx context.Context, refreshToken string, next todevice.Tokens) (device todevice.Device, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		device, err = t.refresh(tokenHash(refreshToken), next)
		return err
	})
	if err != nil {
		return todevice.Device{}, fmt.Errorf("refresh the tokens: %w", err)
	}
	return device, nil
}

func (t *tx) refresh(key hash, next todevice.Tokens) (todevice.Device, error) {
	var inbox todevice.InboxID
	var refreshes int64
	err := t.queryRow(`SELECT inbox, refreshes FROM refresh_tokens WHERE hash = ?`, []any{key[:]}, &inbox, &refreshes)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownToken
	}
	if err != nil {
		return todevice.Device{}, err
	}
	device, err := t.knownDevice(inbox)
	if err != nil {
		return todevice.Device{}, err
	}
	if err := t.endTokens(inbox, refreshes); err != nil {
		return todevice.Device{}, err
	}
	if err := t.dropUnused(inbox, refreshes); err != nil {
		return todevice.Device{}, err
	}
	return device, t.giveTokens(inbox, refreshes+1, next)
}

// dropUnused makes room where too many tokens were given out for tokens of so many
// refreshes. None of them was used, or those of the latter would not be there.
func (t *tx) dropUnused(inbox todevice.InboxID, refreshes int64) error {
	var unused int
	err := t.queryRow(`SELECT count(*) FROM refresh_tokens WHERE inbox = ? AND refreshes > ?`, []any{inbox, refreshes}, &unused)
	if err != nil || unused < maxUnused {
		return err
	}
	for _, query := range []string{
		`DELETE FROM access_tokens WHERE inbox = ? AND refreshes > ?`,
		`DELETE FROM refresh_tokens WHERE inbox = ? AND refreshes > ?`,
	} {
		if _, err := t.exec(query, inbox, refreshes); err != nil {
			return err
		}
	}
	return nil
}

// firstUse ends the tokens of a device that are older than an access token which is
// used. It fails with todevice.ErrUnknownToken if that has ended itself.
func (s *Store) firstUse(ctx context.Context, key hash) error {
	return s.write(ctx, func(t *tx) error {
		var inbox todevice.InboxID
		var refreshes int64
		err := t.queryRow(`SELECT inbox, refreshes FROM access_tokens WHERE hash = ?`, []any{key[:]}, &inbox, &refreshes)
		if errors.Is(err, sql.ErrNoRows) {
			err = todevice.ErrUnknownToken
		}
		if err != nil {
			return err
		}
		return t.endTokens(inbox, refreshes)
	})
}

// endTokens takes from a device the tokens of fewer refreshes.
func (t *tx) endTokens(inbox todevice.InboxID, refreshes int64) error {
	for _, query := range []string{
		`DELETE FROM access_tokens WHERE inbox = ? AND refreshes < ?`,
		`DELETE FROM refresh_tokens WHERE inbox = ? AND refreshes < ?`,
	} {
		if _, err := t.exec(query, inbox, refreshes); err != nil {
			return err
		}
	}
	t.endSessions(inbox)
	return nil
}

// giveTokens keeps tokens of a device.
func (t *tx) giveTokens(inbox todevice.InboxID, refreshes int64, tokens todevice.Tokens) error {
	var expires int64
	if tokens.Lifetime > 0 {
		expires = t.nowMillis() + tokens.Lifetime.Milliseconds()
	}
	access := tokenHash(tokens.Access)
	_, err := t.exec(`INSERT INTO access_tokens (hash, inbox, created, expires, refreshes) VALUES (?, ?, ?, ?, ?)`,
		access[:], inbox, t.nowMillis(), expires, refreshes)
	if err != nil || tokens.Refresh == "" {
		return err
	}
	refresh := tokenHash(tokens.Refresh)
	_, err = t.exec(`INSERT INTO refresh_tokens (hash, inbox, refreshes) VALUES (?, ?, ?)`, refresh[:], inbox, refreshes)
	return err
}
