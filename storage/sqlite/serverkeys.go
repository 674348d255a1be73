package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// ServerKeys gives what is known of a server's signing keys.
func (s *Store) ServerKeys(ctx context.Context, server spec.ServerName) ([]todevice.ServerKey, error) {
	rows, err := s.query(ctx, `SELECT key_id, public, valid_until, fetched FROM server_keys WHERE server = ?`, string(server))
	keys, err := collect(rows, err, func(rows *sql.Rows) (todevice.ServerKey, error) {
		key := todevice.ServerKey{Server: server}
		var validUntil, fetched int64
		var public []byte
		err := rows.Scan(&key.ID, &public, &validUntil, &fetched)
		key.Public, key.ValidUntil, key.Fetched = public, time.UnixMilli(validUntil), time.UnixMilli(fetched)
		return key, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of a server: %w", err)
	}
	return keys, nil
}

// StoreServerKeys keeps keys that were fetched. Keys of the same server that are
// not among them stay.
func (s *Store) StoreServerKeys(ctx context.Context, keys []todevice.ServerKey) error {
	err := s.write(ctx, func(t *tx) error {
		for _, key := range keys {
			_, err := t.exec(`INSERT OR REPLACE INTO server_keys (server, key_id, public, valid_until, fetched) VALUES (?, ?, ?, ?, ?)`,
				string(key.Server), string(key.ID), []byte(key.Public), key.ValidUntil.UnixMilli(), key.Fetched.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store the keys of a server: %w", err)
	}
	return nil
}
