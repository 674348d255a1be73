package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// maxServerKeys bounds the keys that are kept of one server. A server that lists
// those it has had stays far below; one that publishes new ones without end fills
// no disk.
const maxServerKeys = 64

// ServerKeys gives what is known of a server's signing keys.
func (s *Store) ServerKeys(ctx context.Context, server spec.ServerName) ([]todevice.ServerKey, error) {
	rows, err := s.query(ctx, `SELECT key_id, public, valid_until, fetched, old FROM server_keys WHERE server = ?`, string(server))
	keys, err := collect(rows, err, func(rows *sql.Rows) (todevice.ServerKey, error) {
		key := todevice.ServerKey{Server: server}
		var validUntil, fetched int64
		var public []byte
		err := rows.Scan(&key.ID, &public, &validUntil, &fetched, &key.Old)
		key.Public, key.ValidUntil, key.Fetched = public, time.UnixMilli(validUntil), time.UnixMilli(fetched)
		return key, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of a server: %w", err)
	}
	return keys, nil
}

// ServerKeyObjects gives the objects in which a server has published the keys that
// are known of it, the latest first.
func (s *Store) ServerKeyObjects(ctx context.Context, server spec.ServerName) ([]todevice.KeyObject, error) {
	type entry struct {
		id   int64
		json []byte
		key  gomatrixserverlib.KeyID
	}
	rows, err := s.query(ctx, `SELECT o.id, o.object, k.key_id FROM server_key_objects o
		JOIN server_keys k ON k.server = o.server AND k.object = o.id
		WHERE o.server = ? ORDER BY o.id DESC, k.key_id`, string(server))
	entries, err := collect(rows, err, func(rows *sql.Rows) (e entry, err error) {
		return e, rows.Scan(&e.id, &e.json, &e.key)
	})
	if err != nil {
		return nil, fmt.Errorf("read the key objects of a server: %w", err)
	}
	var objects []todevice.KeyObject
	for i, e := range entries {
		if i == 0 || e.id != entries[i-1].id {
			objects = append(objects, todevice.KeyObject{JSON: e.json})
		}
		last := &objects[len(objects)-1]
		last.Keys = append(last.Keys, e.key)
	}
	return objects, nil
}

// StoreServerKeys keeps keys that were fetched, with the object they stood in. Keys
// of the same server that are not among them stay, with theirs.
func (s *Store) StoreServerKeys(ctx context.Context, server spec.ServerName, object json.RawMessage, keys []todevice.ServerKey) error {
	err := s.write(ctx, func(t *tx) error { return t.storeServerKeys(server, object, keys) })
	if err != nil {
		return fmt.Errorf("store the keys of a server: %w", err)
	}
	return nil
}

func (t *tx) storeServerKeys(server spec.ServerName, object json.RawMessage, keys []todevice.ServerKey) error {
	id, err := t.insert(`INSERT INTO server_key_objects (server, object) VALUES (?, ?)`, string(server), []byte(object))
	if err != nil {
		return err
	}
	for _, key := range keys {
		_, err := t.exec(`INSERT OR REPLACE INTO server_keys (server, key_id, public, valid_until, fetched, old, object) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			string(server), string(key.ID), []byte(key.Public), key.ValidUntil.UnixMilli(), key.Fetched.UnixMilli(), key.Old, id)
		if err != nil {
			return err
		}
	}
	// Of too many, those go that the server has not listed for the longest time.
	_, err = t.exec(`DELETE FROM server_keys WHERE server = ?1 AND key_id IN
		(SELECT key_id FROM server_keys WHERE server = ?1 ORDER BY fetched DESC, old LIMIT -1 OFFSET ?2)`, string(server), maxServerKeys)
	if err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM server_key_objects WHERE server = ?1 AND id NOT IN
		(SELECT object FROM server_keys WHERE server = ?1 AND object IS NOT NULL)`, string(server))
	return err
}

// ServersHeardOf lists the servers whose keys were fetched after a time, as they are
// for whoever makes requests here; the latest first, at most limit.
func (s *Store) ServersHeardOf(ctx context.Context, after time.Time, limit int) ([]spec.ServerName, error) {
	rows, err := s.query(ctx, `SELECT server FROM server_keys GROUP BY server HAVING max(fetched) > ?
		ORDER BY max(fetched) DESC, server LIMIT ?`, after.UnixMilli(), limit)
	servers, err := collect(rows, err, func(rows *sql.Rows) (server spec.ServerName, err error) {
		err = rows.Scan(&server)
		return server, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the servers that were heard of: %w", err)
	}
	return servers, nil
}
