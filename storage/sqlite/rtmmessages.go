package sqlite

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// recordConfirmed records, in the commit that confirms them, which RTM messages a device
// has, and which have expired before it was given them. Nothing is read where no webhook
// wants to hear of it.
func (t *tx) recordConfirmed(inbox todevice.InboxID, upTo todevice.Position) error {
	if !t.writer.store.tellsOfMessages(todevice.RTMDelivered) && !t.writer.store.tellsOfMessages(todevice.RTMExpired) {
		return nil
	}
	to := todevice.UserID{Server: t.writer.store.serverName}
	err := t.queryRow(`SELECT localpart FROM devices WHERE inbox = ?`, []any{inbox}, &to.Localpart)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the user of an inbox: %w", err)
	}
	type confirmed struct {
		event   []byte
		expired bool
	}
	rows, err := t.query(`SELECT coalesce(i.event, b.event), coalesce(i.expires <= ?, 0)
		FROM inboxes i LEFT JOIN broadcasts b ON i.event IS NULL AND b.position = i.position
		WHERE i.inbox = ? AND i.position <= ? ORDER BY i.position`, t.nowMillis(), inbox, upTo)
	all, err := collect(rows, err, func(rows *sql.Rows) (c confirmed, err error) {
		err = rows.Scan(&c.event, &c.expired)
		return c, err
	})
	if err != nil {
		return fmt.Errorf("read what is confirmed: %w", err)
	}
	for _, c := range all {
		what := todevice.RTMDelivered
		if c.expired {
			what = todevice.RTMExpired
		}
		if err := t.recordRTMMessage(what, to, c.event); err != nil {
			return err
		}
	}
	return nil
}

// recordRTMMessage records what became of a message, if it is one of RTM and a webhook
// wants to hear of it.
func (t *tx) recordRTMMessage(what todevice.RTMEventType, to todevice.UserID, event []byte) error {
	s := t.writer.store
	if !s.tellsOfMessages(what) {
		return nil
	}
	e, ok := s.rtmMessage(to, event)
	if e.Type = what; !ok || !s.WantsRTMEvent(e.App, what) {
		return nil
	}
	if err := t.recordRTMEvent(rand.Text(), e); err != nil {
		return fmt.Errorf("record what became of an RTM message: %w", err)
	}
	t.tellRTMEvents([]todevice.RTMEvent{e})
	return nil
}

// tellsOfMessages tells whether a webhook of any app wants events of a type.
func (s *Store) tellsOfMessages(what todevice.RTMEventType) bool {
	return s.rtmMessage != nil && slices.ContainsFunc(s.webhooks, func(w todevice.RTMWebhook) bool {
		return slices.Contains(w.Events, what)
	})
}
