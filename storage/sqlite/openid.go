package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// MakeOpenIDToken keeps a token by which a third party may ask, until it expires,
// who gave it; or fails with todevice.ErrUnknownUser.
//
// https://spec.matrix.org/v1.15/client-server-api/#openid
func (s *Store) MakeOpenIDToken(ctx context.Context, localpart, token string, expires time.Time) error {
	key := tokenHash(token)
	err := s.write(ctx, func(t *tx) error {
		exists, err := t.userExists(localpart)
		if err != nil || !exists {
			return errorOr(err, todevice.ErrUnknownUser)
		}
		_, err = t.exec(`INSERT INTO openid_tokens (hash, localpart, expires) VALUES (?, ?, ?)`,
			key[:], localpart, expires.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("make an OpenID token: %w", err)
	}
	return nil
}

// OpenIDUser gives the user who made a token, or todevice.ErrUnknownToken if
// nobody did or it has expired.
func (s *Store) OpenIDUser(ctx context.Context, token string) (todevice.UserID, error) {
	key := tokenHash(token)
	user := todevice.UserID{Server: s.serverName}
	err := s.queryRow(ctx, `SELECT localpart FROM openid_tokens WHERE hash = ? AND expires > ?`,
		[]any{key[:], s.nowMillis()}, &user.Localpart)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownToken
	}
	if err != nil {
		return todevice.UserID{}, fmt.Errorf("find the OpenID token: %w", err)
	}
	return user, nil
}
