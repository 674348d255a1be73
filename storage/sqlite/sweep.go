package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// How long it is remembered what was accepted. Both are longer than any retry: a
// client gives up within hours, a server that was away for weeks may still repeat.
const (
	keepRequests = 24 * time.Hour
	keepReceived = 30 * 24 * time.Hour
)

// keepInterest is how long after it last asked for a user's keys, or exchanged
// messages with them, a user or a server is told of their changes.
const keepInterest = 30 * 24 * time.Hour

// keepDeadLetters is how long an operator can look at what was given up.
const keepDeadLetters = 30 * 24 * time.Hour

// sweepRows is how many rows one commit of Sweep removes: few, so that no request
// waits for it.
const sweepRows = 1000

// Sweep forgets which requests, transactions and messages were accepted, and which
// servers asked for keys, longer ago than it is to be remembered; and OpenID and login
// tokens that have expired, old dead letters, device lists that concern nobody any
// more, what is too old or too much of RTM histories, and what a crash has left of
// deleted key backups. It gives up what webhooks did not take for a day. It gives the
// number of rows removed.
func (s *Store) Sweep(ctx context.Context, now time.Time) (removed int64, err error) {
	for rows := int64(sweepRows); rows == sweepRows; removed += rows {
		err := s.write(ctx, func(t *tx) (err error) {
			rows, err = t.loseInterest(now.Add(-keepInterest))
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("sweep: %w", err)
		}
	}
	for _, table := range []struct {
		query string
		keep  time.Duration
	}{
		{`DELETE FROM client_requests WHERE (inbox, request) IN
			(SELECT inbox, request FROM client_requests WHERE at < ? LIMIT ?)`, keepRequests},
		{`DELETE FROM rtm_requests WHERE request IN
			(SELECT request FROM rtm_requests WHERE at < ? LIMIT ?)`, keepRequests},
		{`DELETE FROM received_transactions WHERE (origin, txn_id) IN
			(SELECT origin, txn_id FROM received_transactions WHERE at < ? LIMIT ?)`, keepReceived},
		{`DELETE FROM received_messages WHERE (origin, message_id) IN
			(SELECT origin, message_id FROM received_messages WHERE at < ? LIMIT ?)`, keepReceived},
		{`DELETE FROM remote_interest WHERE (localpart, server) IN
			(SELECT localpart, server FROM remote_interest WHERE at < ? LIMIT ?)`, keepInterest},
		{`DELETE FROM remote_device_lists WHERE user_id IN (SELECT user_id FROM remote_device_lists l
			WHERE ?1 = ?1 AND NOT EXISTS (SELECT 1 FROM interest i WHERE i.user_id = l.user_id) LIMIT ?2)`, 0},
		{`DELETE FROM openid_tokens WHERE hash IN
			(SELECT hash FROM openid_tokens WHERE expires < ? LIMIT ?)`, 0},
		{`DELETE FROM login_tokens WHERE hash IN
			(SELECT hash FROM login_tokens WHERE expires < ? LIMIT ?)`, 0},
		{`DELETE FROM rtm_channel_visits WHERE (app, channel, user_id) IN
			(SELECT app, channel, user_id FROM rtm_channel_visits WHERE at < ? LIMIT ?)`, keepVisits},
		{`DELETE FROM dead_letters WHERE position IN
			(SELECT position FROM dead_letters WHERE at < ? LIMIT ?)`, keepDeadLetters},
	} {
		for rows := int64(sweepRows); rows == sweepRows; removed += rows {
			err := s.write(ctx, func(t *tx) (err error) {
				rows, err = t.exec(table.query, now.Add(-table.keep).UnixMilli(), sweepRows)
				return err
			})
			if err != nil {
				return removed, fmt.Errorf("sweep: %w", err)
			}
		}
	}
	records, err := s.sweepHistory(ctx, now)
	if removed += records; err != nil {
		return removed, fmt.Errorf("sweep: %w", err)
	}
	hooks, err := s.sweepWebhooks(ctx, now)
	if removed += hooks; err != nil {
		return removed, err
	}
	keys, err := s.removeDeletedBackups(ctx)
	return removed + keys, err
}

// loseInterest ends interest that was last shown before a time, some of it, and has
// those hear of it who will not be told any more. It gives their number.
func (t *tx) loseInterest(before time.Time) (lost int64, err error) {
	type pair struct{ userID, localpart string }
	rows, err := t.query(`SELECT user_id, localpart FROM interest WHERE at < ? LIMIT ?`, before.UnixMilli(), sweepRows)
	pairs, err := collect(rows, err, func(rows *sql.Rows) (p pair, err error) {
		err = rows.Scan(&p.userID, &p.localpart)
		return p, err
	})
	for _, p := range pairs {
		at := t.position()
		if _, err := t.exec(`DELETE FROM interest WHERE user_id = ? AND localpart = ?`, p.userID, p.localpart); err != nil {
			return 0, err
		}
		_, err := t.exec(`INSERT OR REPLACE INTO interest_lost (localpart, user_id, position) VALUES (?, ?, ?)`, p.localpart, p.userID, at)
		if err != nil {
			return 0, err
		}
		t.userChanged(p.localpart, at)
	}
	return int64(len(pairs)), err
}
