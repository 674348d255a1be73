package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// What is kept of the class todevice.KeepLatest: for how long, and how many messages of
// one inbox.
const (
	keepLatestFor  = 7 * 24 * time.Hour
	keepLatestRows = 200
)

// expireRows is how many messages one commit of ExpireMessages removes. All of them are
// read, and each may have 64 KiB.
const expireRows = 100

// expires is until when a message is kept, nil where that is until it is confirmed.
func (t *tx) expires(class todevice.Class) any {
	if class != todevice.KeepLatest {
		return nil
	}
	return t.writer.store.now().Add(keepLatestFor).UnixMilli()
}

// Which are too many is asked of the index alone, which has no other messages. By itself
// SQLite would look at all of the inbox.
const beyondLatest = `SELECT i.inbox, i.position, d.localpart, coalesce(i.event, b.event), coalesce(length(i.event), 0), i.event IS NULL
	FROM inboxes i JOIN devices d ON d.inbox = i.inbox LEFT JOIN broadcasts b ON i.event IS NULL AND b.position = i.position
	WHERE i.inbox = ?1 AND i.position IN
		(SELECT position FROM inboxes INDEXED BY inboxes_latest
			WHERE inbox = ?1 AND expires IS NOT NULL ORDER BY position DESC LIMIT -1 OFFSET ?2)
	ORDER BY i.position`

const pastTheirTime = `SELECT i.inbox, i.position, d.localpart, coalesce(i.event, b.event), coalesce(length(i.event), 0), i.event IS NULL
	FROM inboxes i JOIN devices d ON d.inbox = i.inbox LEFT JOIN broadcasts b ON i.event IS NULL AND b.position = i.position
	WHERE i.expires <= ? ORDER BY i.expires, i.position LIMIT ?`

// evict removes the oldest of an inbox's messages that are kept as the latest, where
// there are too many.
func (t *tx) evict(inbox todevice.InboxID) ([]todevice.Dropped, error) {
	dropped, err := t.drop(beyondLatest, inbox, keepLatestRows)
	if err != nil {
		return nil, fmt.Errorf("make room for the latest messages: %w", err)
	}
	return dropped, nil
}

// ExpireMessages removes messages whose time is over at now, the oldest first, and gives
// them; no more at once than a small commit holds. There are none left once it gives none.
func (s *Store) ExpireMessages(ctx context.Context, now time.Time) (dropped []todevice.Dropped, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		dropped, err = t.drop(pastTheirTime, now.UnixMilli(), expireRows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("expire messages: %w", err)
	}
	return dropped, nil
}

// drop removes the messages a query finds. What is remembered of arrivals stays true, as
// none of those that may be dropped is remembered.
func (t *tx) drop(query string, args ...any) (dropped []todevice.Dropped, err error) {
	type row struct {
		todevice.Delivery
		localpart string
		event     []byte
		bytes     int // of the inbox
		shared    int // 1 if it refers to a broadcast
	}
	rows, err := t.query(query, args...)
	found, err := collect(rows, err, func(rows *sql.Rows) (r row, err error) {
		err = rows.Scan(&r.Inbox, &r.Position, &r.localpart, &r.event, &r.bytes, &r.shared)
		return r, err
	})
	for _, r := range found {
		if err := t.dropRow(r.Delivery, r.shared); err != nil {
			return nil, err
		}
		// What is in no inbox counts as confirmed while this row is there.
		if _, err := t.exec(`DELETE FROM rtm_deliveries WHERE inbox = ? AND position = ?`, r.Inbox, r.Position); err != nil {
			return nil, err
		}
		t.writer.backlog.drop(r.Inbox, r.bytes, r.shared)
		to := todevice.UserID{Localpart: r.localpart, Server: t.writer.store.serverName}
		if err := t.recordRTMMessage(todevice.RTMExpired, to, r.event); err != nil {
			return nil, err
		}
		dropped = append(dropped, todevice.Dropped{To: to, Event: r.event})
	}
	return dropped, err
}

func (t *tx) dropRow(row todevice.Delivery, shared int) error {
	if shared > 0 {
		if _, err := t.exec(`UPDATE broadcasts SET waiting = waiting - 1 WHERE position = ?`, row.Position); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM broadcasts WHERE position = ? AND waiting = 0`, row.Position); err != nil {
			return err
		}
	}
	_, err := t.exec(`DELETE FROM inboxes WHERE inbox = ? AND position = ?`, row.Inbox, row.Position)
	return err
}
