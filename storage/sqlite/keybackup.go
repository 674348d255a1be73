package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// maxBackups bounds the versions a user may have at a time. Clients delete the old
// one when they begin another.
const maxBackups = 100

// CreateBackup begins a key backup, and gives its version: higher than any the user
// ever had. It fails with todevice.ErrUnknownUser, and with todevice.ErrBackupFull
// where the user has too many.
func (s *Store) CreateBackup(ctx context.Context, localpart string, b todevice.Backup) (version todevice.BackupVersion, err error) {
	err = s.write(ctx, func(t *tx) error {
		var backups int
		err := t.queryRow(`SELECT last_key_backup + 1, (SELECT count(*) FROM key_backups k WHERE k.localpart = u.localpart AND NOT deleted)
			FROM users u WHERE localpart = ?`, []any{localpart}, &version, &backups)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return todevice.ErrUnknownUser
		case err != nil:
			return err
		case backups >= maxBackups:
			return todevice.ErrBackupFull
		}
		if _, err := t.exec(`UPDATE users SET last_key_backup = ? WHERE localpart = ?`, version, localpart); err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO key_backups (localpart, version, algorithm, auth_data, etag) VALUES (?, ?, ?, ?, 0)`,
			localpart, version, b.Algorithm, []byte(b.AuthData))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("create a key backup: %w", err)
	}
	return version, nil
}

// Backup gives a key backup of a user, or todevice.ErrUnknownBackup. The version 0
// stands for the latest.
func (s *Store) Backup(ctx context.Context, localpart string, version todevice.BackupVersion) (todevice.Backup, error) {
	b, err := scanBackup(func(query string, args []any, into ...any) error { return s.queryRow(ctx, query, args, into...) },
		localpart, version)
	if err != nil {
		return todevice.Backup{}, fmt.Errorf("read the key backup: %w", err)
	}
	return b, nil
}

// backup is Backup within a transaction.
func (t *tx) backup(localpart string, version todevice.BackupVersion) (todevice.Backup, error) {
	return scanBackup(t.queryRow, localpart, version)
}

func scanBackup(queryRow func(string, []any, ...any) error, localpart string, version todevice.BackupVersion) (b todevice.Backup, err error) {
	query, args := backupColumns+` ORDER BY version DESC LIMIT 1`, []any{localpart}
	if version != 0 {
		query, args = backupColumns+` AND version = ?`, []any{localpart, version}
	}
	err = queryRow(query, args, &b.ID, &b.Version, &b.Algorithm, (*[]byte)(&b.AuthData), &b.Etag, &b.Keys)
	if errors.Is(err, sql.ErrNoRows) {
		err = todevice.ErrUnknownBackup
	}
	return b, err
}

const backupColumns = `SELECT id, version, algorithm, auth_data, etag, keys FROM key_backups WHERE localpart = ? AND NOT deleted`

// UpdateBackup changes the auth_data of a key backup. It fails with
// todevice.ErrUnknownBackup, and with todevice.ErrBackupAlgorithm if the algorithm is
// not the backup's.
func (s *Store) UpdateBackup(ctx context.Context, localpart string, b todevice.Backup) error {
	err := s.write(ctx, func(t *tx) error {
		old, err := t.backup(localpart, b.Version)
		if err != nil {
			return err
		}
		if old.Algorithm != b.Algorithm {
			return todevice.ErrBackupAlgorithm
		}
		_, err = t.exec(`UPDATE key_backups SET auth_data = ? WHERE id = ?`, []byte(b.AuthData), old.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("update the key backup: %w", err)
	}
	return nil
}

// DeleteBackup deletes a key backup with all that is in it. One that was deleted
// before is no error, one that never was is todevice.ErrUnknownBackup.
func (s *Store) DeleteBackup(ctx context.Context, localpart string, version todevice.BackupVersion) error {
	err := s.write(ctx, func(t *tx) error {
		var was bool
		err := t.queryRow(`SELECT EXISTS (SELECT 1 FROM users WHERE localpart = ? AND ? BETWEEN 1 AND last_key_backup)`,
			[]any{localpart, version}, &was)
		if err != nil || !was {
			return errorOr(err, todevice.ErrUnknownBackup)
		}
		_, err = t.exec(`UPDATE key_backups SET deleted = 1 WHERE localpart = ? AND version = ? AND NOT deleted`, localpart, version)
		return err
	})
	if err == nil {
		_, err = s.removeDeletedBackups(ctx)
	}
	if err != nil {
		return fmt.Errorf("delete the key backup: %w", err)
	}
	return nil
}

// removeDeletedBackups removes what is left of deleted backups, of which there may be
// so much that other writes would wait for it too long if it were one commit. It
// gives the number of keys.
func (s *Store) removeDeletedBackups(ctx context.Context) (removed int64, err error) {
	for rows := int64(sweepRows); rows == sweepRows; removed += rows {
		err := s.write(ctx, func(t *tx) (err error) {
			rows, err = t.exec(`DELETE FROM backed_up_keys WHERE rowid IN
				(SELECT k.rowid FROM key_backups b JOIN backed_up_keys k ON k.backup = b.id WHERE b.deleted LIMIT ?)`, sweepRows)
			if err == nil && rows < sweepRows {
				_, err = t.exec(`DELETE FROM key_backups WHERE deleted`)
			}
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("remove deleted key backups: %w", err)
		}
	}
	return removed, nil
}
