package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// backupSize is how much key backups hold.
type backupSize struct{ keys, bytes int64 }

func (a backupSize) plus(b backupSize) backupSize {
	return backupSize{keys: a.keys + b.keys, bytes: a.bytes + b.bytes}
}

// sizeOf gives what a key counts for: its own bytes, and about what its row and the
// index take besides.
func sizeOf(k todevice.BackedUpKey) backupSize {
	const row = 100
	return backupSize{keys: 1, bytes: int64(row + 2*(len(k.Room)+len(k.Session)) + len(k.Data))}
}

// AddBackedUpKeys puts keys, of a session each, into the latest backup of a user, all
// of them or none. Of two keys of a session the better one is kept, that which is
// there if neither is.
//
// It fails with *todevice.WrongBackupError if the version is not the latest, with
// todevice.ErrUnknownBackup if there is none, and with todevice.ErrBackupFull.
func (s *Store) AddBackedUpKeys(ctx context.Context, localpart string, version todevice.BackupVersion, keys []todevice.BackedUpKey) (state todevice.BackupState, err error) {
	err = s.write(ctx, func(t *tx) error {
		latest, err := t.backup(localpart, 0)
		if err != nil {
			return err
		}
		if latest.Version != version {
			return &todevice.WrongBackupError{Latest: latest.Version}
		}
		better, growth, err := t.betterKeys(latest.ID, keys)
		if err != nil {
			return err
		}
		if err := t.checkRoom(localpart, growth); err != nil {
			return err
		}
		for _, k := range better {
			_, err := t.exec(`INSERT OR REPLACE INTO backed_up_keys
				(backup, room_id, session_id, first_message_index, forwarded_count, is_verified, session_data) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				latest.ID, k.Room, k.Session, k.FirstMessageIndex, k.ForwardedCount, k.Verified, []byte(k.Data))
			if err != nil {
				return err
			}
		}
		state, err = t.changedBackup(latest, growth, len(better) > 0)
		return err
	})
	if err != nil {
		return todevice.BackupState{}, fmt.Errorf("add to the key backup: %w", err)
	}
	return state, nil
}

// betterKeys gives those of the keys that are to be kept, and by how much the backup
// grows with them.
func (t *tx) betterKeys(backup int64, keys []todevice.BackedUpKey) (better []todevice.BackedUpKey, growth backupSize, err error) {
	for _, k := range keys {
		var old todevice.BackedUpKey
		err := t.queryRow(`SELECT first_message_index, forwarded_count, is_verified, session_data FROM backed_up_keys
			WHERE backup = ? AND room_id = ? AND session_id = ?`, []any{backup, k.Room, k.Session},
			&old.FirstMessageIndex, &old.ForwardedCount, &old.Verified, (*[]byte)(&old.Data))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			growth = growth.plus(sizeOf(k))
		case err != nil:
			return nil, growth, err
		case !k.BetterThan(old):
			continue
		default:
			growth.bytes += int64(len(k.Data) - len(old.Data))
		}
		better = append(better, k)
	}
	return better, growth, nil
}

// checkRoom refuses a growth after which the user's backups would hold too much.
func (t *tx) checkRoom(localpart string, growth backupSize) error {
	var held backupSize
	err := t.queryRow(`SELECT coalesce(sum(keys), 0), coalesce(sum(bytes), 0) FROM key_backups WHERE localpart = ? AND NOT deleted`,
		[]any{localpart}, &held.keys, &held.bytes)
	if err != nil {
		return err
	}
	after, limits := held.plus(growth), t.writer.store.backups
	if growth.keys > 0 && after.keys > limits.keys || growth.bytes > 0 && after.bytes > limits.bytes {
		return todevice.ErrBackupFull
	}
	return nil
}

// changedBackup counts what has come into a backup or left it, and gives its state.
func (t *tx) changedBackup(b todevice.Backup, growth backupSize, changed bool) (todevice.BackupState, error) {
	if !changed {
		return b.BackupState, nil
	}
	b.Etag++
	b.Keys += growth.keys
	_, err := t.exec(`UPDATE key_backups SET etag = ?, keys = ?, bytes = bytes + ? WHERE id = ?`, b.Etag, b.Keys, growth.bytes, b.ID)
	return b.BackupState, err
}

// BackedUpKeys gives up to limit keys of a backup that come after a room and session,
// in order of these. With a room it gives only that room's.
func (s *Store) BackedUpKeys(ctx context.Context, backup int64, room string, after todevice.BackedUpKey, limit int) ([]todevice.BackedUpKey, error) {
	query, args := `backup = ? AND (room_id, session_id) > (?, ?)`, []any{backup, after.Room, after.Session, limit}
	if room != "" {
		query, args = `backup = ? AND room_id = ? AND session_id > ?`, []any{backup, room, after.Session, limit}
	}
	return s.backedUpKeys(ctx, query+` ORDER BY room_id, session_id LIMIT ?`, args)
}

// BackedUpKey gives the key of one session of a backup, and whether there is one.
func (s *Store) BackedUpKey(ctx context.Context, backup int64, room, session string) (k todevice.BackedUpKey, found bool, err error) {
	keys, err := s.backedUpKeys(ctx, `backup = ? AND room_id = ? AND session_id = ?`, []any{backup, room, session})
	if len(keys) > 0 {
		k, found = keys[0], true
	}
	return k, found, err
}

func (s *Store) backedUpKeys(ctx context.Context, where string, args []any) ([]todevice.BackedUpKey, error) {
	rows, err := s.query(ctx, `SELECT room_id, session_id, first_message_index, forwarded_count, is_verified, session_data
		FROM backed_up_keys WHERE `+where, args...)
	keys, err := collect(rows, err, func(rows *sql.Rows) (k todevice.BackedUpKey, err error) {
		err = rows.Scan(&k.Room, &k.Session, &k.FirstMessageIndex, &k.ForwardedCount, &k.Verified, (*[]byte)(&k.Data))
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("read backed up keys: %w", err)
	}
	return keys, nil
}

// DeleteBackedUpKeys deletes a session's key from a backup, all keys of a room where
// session is "", or all there are where room is "", too. It fails with
// todevice.ErrUnknownBackup.
func (s *Store) DeleteBackedUpKeys(ctx context.Context, localpart string, version todevice.BackupVersion, room, session string) (state todevice.BackupState, err error) {
	err = s.write(ctx, func(t *tx) error {
		b, err := t.backup(localpart, version)
		if err != nil {
			return err
		}
		if room == "" {
			state, err = t.emptyBackup(localpart, b)
			return err
		}
		gone, err := t.deleteBackedUpKeys(b.ID, room, session)
		if err != nil {
			return err
		}
		state, err = t.changedBackup(b, gone, gone.keys != 0)
		return err
	})
	if err == nil && room == "" {
		_, err = s.removeDeletedBackups(ctx)
	}
	if err != nil {
		return todevice.BackupState{}, fmt.Errorf("delete from the key backup: %w", err)
	}
	return state, nil
}

// emptyBackup puts an empty backup in the place of one.
func (t *tx) emptyBackup(localpart string, b todevice.Backup) (todevice.BackupState, error) {
	if b.Keys == 0 {
		return b.BackupState, nil
	}
	if _, err := t.exec(`UPDATE key_backups SET deleted = 1 WHERE id = ?`, b.ID); err != nil {
		return todevice.BackupState{}, err
	}
	_, err := t.exec(`INSERT INTO key_backups (localpart, version, algorithm, auth_data, etag) VALUES (?, ?, ?, ?, ?)`,
		localpart, b.Version, b.Algorithm, []byte(b.AuthData), b.Etag+1)
	return todevice.BackupState{Etag: b.Etag + 1}, err
}

// deleteBackedUpKeys gives the growth, which is below zero where there was anything.
func (t *tx) deleteBackedUpKeys(backup int64, room, session string) (growth backupSize, err error) {
	rows, err := t.query(`DELETE FROM backed_up_keys WHERE backup = ? AND room_id = ? AND (? = '' OR session_id = ?)
		RETURNING room_id, session_id, session_data`, backup, room, session, session)
	gone, err := collect(rows, err, func(rows *sql.Rows) (k todevice.BackedUpKey, err error) {
		err = rows.Scan(&k.Room, &k.Session, (*[]byte)(&k.Data))
		return k, err
	})
	t.changes += int64(len(gone))
	for _, k := range gone {
		size := sizeOf(k)
		growth = growth.plus(backupSize{keys: -size.keys, bytes: -size.bytes})
	}
	return growth, err
}
