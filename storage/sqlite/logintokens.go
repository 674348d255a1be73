package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// MakeLoginToken keeps a token with which a user can log in once, for so long. It fails
// with todevice.ErrUnknownUser or todevice.ErrUserDeactivated.
func (s *Store) MakeLoginToken(ctx context.Context, localpart, token string, lifetime time.Duration) error {
	key := tokenHash(token)
	err := s.write(ctx, func(t *tx) error {
		if err := t.knownUser(localpart); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO login_tokens (hash, localpart, expires) VALUES (?, ?, ?)`,
			key[:], localpart, t.nowMillis()+lifetime.Milliseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("make a login token: %w", err)
	}
	return nil
}

// LoginByToken is Login for whoever has a login token, which is used up with it. It
// fails with todevice.ErrUnknownToken or todevice.ErrNameInUse.
func (s *Store) LoginByToken(ctx context.Context, token string, l todevice.Login) (device todevice.Device, err error) {
	key := tokenHash(token)
	err = s.write(ctx, func(t *tx) error {
		var localpart string
		err := t.queryRow(`SELECT localpart FROM login_tokens WHERE hash = ? AND expires > ?`, []any{key[:], t.nowMillis()}, &localpart)
		if errors.Is(err, sql.ErrNoRows) {
			err = todevice.ErrUnknownToken
		}
		if err != nil {
			return err
		}
		if device, err = t.login(localpart, l); err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM login_tokens WHERE hash = ?`, key[:])
		return err
	})
	if err != nil {
		return todevice.Device{}, fmt.Errorf("log in by token: %w", err)
	}
	return device, nil
}
