package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// AddRegistrationToken keeps a token for strangers to register with, or fails with
// todevice.ErrTokenExists.
func (s *Store) AddRegistrationToken(ctx context.Context, r todevice.RegistrationToken) error {
	err := s.write(ctx, func(t *tx) error {
		var exists bool
		err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM registration_tokens WHERE token = ?)`, []any{r.Token}, &exists)
		if err != nil {
			return err
		}
		if exists {
			return todevice.ErrTokenExists
		}
		uses := sql.NullInt64{Int64: int64(r.Uses), Valid: r.Uses > 0}
		expires := sql.NullInt64{Int64: r.Expires.UnixMilli(), Valid: !r.Expires.IsZero()}
		_, err = t.exec(`INSERT INTO registration_tokens (token, uses, used, expires, created) VALUES (?, ?, 0, ?, ?)`,
			r.Token, uses, expires, t.nowMillis())
		return err
	})
	if err != nil {
		return fmt.Errorf("add a registration token: %w", err)
	}
	return nil
}

// RemoveRegistrationToken ends a token, or fails with todevice.ErrRegistrationToken. The
// accounts that were made with it stay.
func (s *Store) RemoveRegistrationToken(ctx context.Context, token string) error {
	err := s.write(ctx, func(t *tx) error {
		removed, err := t.exec(`DELETE FROM registration_tokens WHERE token = ?`, token)
		if err == nil && removed == 0 {
			err = todevice.ErrRegistrationToken
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove the registration token: %w", err)
	}
	return nil
}

// RegistrationTokens lists all, also those that are used up or have expired, by age.
func (s *Store) RegistrationTokens(ctx context.Context) ([]todevice.RegistrationToken, error) {
	rows, err := s.query(ctx, `SELECT token, uses, used, expires, created FROM registration_tokens ORDER BY created, token`)
	list, err := collect(rows, err, func(rows *sql.Rows) (r todevice.RegistrationToken, err error) {
		var uses, expires sql.NullInt64
		var created int64
		err = rows.Scan(&r.Token, &uses, &r.Used, &expires, &created)
		r.Uses, r.Created = int(uses.Int64), time.UnixMilli(created)
		if expires.Valid {
			r.Expires = time.UnixMilli(expires.Int64)
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list registration tokens: %w", err)
	}
	return list, nil
}

// An account can be made with a token while this is so; ?1 is the time.
const tokenIsValid = `(uses IS NULL OR used < uses) AND (expires IS NULL OR expires > ?1)`

// RegistrationTokenValid tells whether an account could be made with a token now.
func (s *Store) RegistrationTokenValid(ctx context.Context, token string) (valid bool, err error) {
	err = s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM registration_tokens WHERE token = ?2 AND `+tokenIsValid+`)`,
		[]any{s.nowMillis(), token}, &valid)
	if err != nil {
		return false, fmt.Errorf("look for the registration token: %w", err)
	}
	return valid, nil
}

// AnyRegistrationTokenValid tells whether there is such a token.
func (s *Store) AnyRegistrationTokenValid(ctx context.Context) (valid bool, err error) {
	err = s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM registration_tokens WHERE `+tokenIsValid+`)`, []any{s.nowMillis()}, &valid)
	if err != nil {
		return false, fmt.Errorf("look for a registration token: %w", err)
	}
	return valid, nil
}

// useRegistrationToken counts a use, or fails with todevice.ErrRegistrationToken.
func (t *tx) useRegistrationToken(token string) error {
	used, err := t.exec(`UPDATE registration_tokens SET used = used + 1 WHERE token = ?2 AND `+tokenIsValid, t.nowMillis(), token)
	if err == nil && used == 0 {
		err = todevice.ErrRegistrationToken
	}
	return err
}
