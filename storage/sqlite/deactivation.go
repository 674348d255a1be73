package sqlite

import (
	"context"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// Deactivate ends an account with all that belongs to it, and gives the inboxes of its
// devices. Only the name is kept, so that nobody gets it again; and what is needed to
// tell those interested that the devices are gone. It fails with
// todevice.ErrUnknownUser, or with todevice.ErrUserDeactivated if that was done before.
func (s *Store) Deactivate(ctx context.Context, localpart string) (gone []todevice.InboxID, err error) {
	// A long history goes first, or all would wait for its removal. Who is no user may
	// have a history, too, and keeps it.
	if err = s.knownUser(ctx, localpart); err == nil {
		err = s.shortenHistoryOf(ctx, todevice.UserID{Localpart: localpart, Server: s.serverName})
	}
	if err != nil {
		return nil, fmt.Errorf("deactivate: %w", err)
	}
	err = s.write(ctx, func(t *tx) (err error) {
		gone, err = t.deactivate(localpart)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("deactivate: %w", err)
	}
	return gone, nil
}

// deactivate removes the row in users, and relies on ON DELETE CASCADE for every table
// that refers to it, now or in the future. What does not, as it is not of local users
// alone, is named here: a table to come that holds something of a user under the whole
// user ID must be added.
func (t *tx) deactivate(localpart string) (gone []todevice.InboxID, err error) {
	if err := t.knownUser(localpart); err != nil {
		return nil, err
	}
	gone, err = t.deleteDevices(localpart, func(todevice.Device) bool { return true })
	if err != nil {
		return nil, err
	}
	user := todevice.UserID{Localpart: localpart, Server: t.writer.store.serverName}
	if err := t.forgetHistoryOf(user); err != nil {
		return nil, err
	}
	id := user.String()
	keys, err := t.exec(`DELETE FROM cross_signing_keys WHERE user_id = ?`, id)
	if err == nil && keys > 0 {
		err = t.deviceChanged(localpart, "", true)
	}
	if err != nil {
		return nil, err
	}
	for _, statement := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM signatures WHERE target = ?1 OR signer = ?1`, []any{id}},
		{`DELETE FROM rtm_requests WHERE localpart = ?`, []any{localpart}},
		{`DELETE FROM channel_guests WHERE localpart = ?`, []any{localpart}},
		{`UPDATE channel_attributes SET uid = '', localpart = '' WHERE localpart = ?`, []any{localpart}},
		{`DELETE FROM own_view_changes WHERE localpart = ?`, []any{localpart}},
		{`INSERT INTO deactivated_users (localpart, created, at) SELECT localpart, created, ? FROM users WHERE localpart = ?`,
			[]any{t.nowMillis(), localpart}},
		{`DELETE FROM users WHERE localpart = ?`, []any{localpart}},
	} {
		if _, err := t.exec(statement.text, statement.args...); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// knownUser is todevice.ErrUnknownUser for a name that nobody has, and
// todevice.ErrUserDeactivated for one that somebody had.
func (t *tx) knownUser(localpart string) error {
	var active, former bool
	err := t.queryRow(knownUser, []any{localpart}, &active, &former)
	return errorOr(err, notActive(active, former))
}

// knownUser is the same in no transaction.
func (s *Store) knownUser(ctx context.Context, localpart string) error {
	var active, former bool
	err := s.queryRow(ctx, knownUser, []any{localpart}, &active, &former)
	return errorOr(err, notActive(active, former))
}

const knownUser = `SELECT EXISTS (SELECT 1 FROM users WHERE localpart = ?1),
	EXISTS (SELECT 1 FROM deactivated_users WHERE localpart = ?1)`

func notActive(active, former bool) error {
	switch {
	case active:
		return nil
	case former:
		return todevice.ErrUserDeactivated
	default:
		return todevice.ErrUnknownUser
	}
}
