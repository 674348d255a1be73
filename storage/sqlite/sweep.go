package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
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

// sweepRows is how many rows that stand together one commit of Sweep removes: few, so
// that no request waits for it.
const sweepRows = 1000

// scatteredRows is the same for rows that stand anywhere: for each a page, or some, is
// read and written.
const scatteredRows = 100

// sweptRequests is how many client requests Sweep looks at for one commit, at most. They
// stand together.
const sweptRequests = 2000

// sweepRest is how long the file is left alone between two such looks. A reader who is
// always there would keep SQLite from beginning its log anew: it grew as long as the
// sweep lasted, and what had gathered made one commit slow at the end.
const sweepRest = 5 * time.Millisecond

// Sweep forgets which requests, transactions and messages were accepted, and which
// servers asked for keys, longer ago than it is to be remembered; and OpenID and login
// tokens that have expired, old dead letters, device lists that concern nobody any
// more, what is too old or too much of RTM histories, what a crash has left of deleted
// key backups, and what another program has left of messages it deleted. It gives up what
// webhooks did not take for a day. It gives the number of rows removed.
func (s *Store) Sweep(ctx context.Context, now time.Time) (removed int64, err error) {
	for rows := int64(scatteredRows); rows == scatteredRows; removed += rows {
		err := s.write(ctx, func(t *tx) (err error) {
			rows, err = t.loseInterest(now.Add(-keepInterest))
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("sweep: %w", err)
		}
	}
	requests, err := s.forgetRequests(ctx, now.Add(-keepRequests))
	if removed += requests; err != nil {
		return removed, fmt.Errorf("sweep: %w", err)
	}
	bodies, err := s.mendBroadcasts(ctx)
	if removed += bodies; err != nil {
		return removed, fmt.Errorf("sweep: %w", err)
	}
	lists, err := s.forgetDeviceLists(ctx)
	if removed += lists; err != nil {
		return removed, fmt.Errorf("sweep: %w", err)
	}
	for _, table := range []struct {
		query string
		keep  time.Duration
	}{
		{`DELETE FROM rtm_requests WHERE request IN
			(SELECT request FROM rtm_requests WHERE at < ? LIMIT ?)`, keepRequests},
		{`DELETE FROM received_transactions WHERE (origin, txn_id) IN
			(SELECT origin, txn_id FROM received_transactions WHERE at < ? LIMIT ?)`, keepReceived},
		{`DELETE FROM received_messages WHERE (origin, message_id) IN
			(SELECT origin, message_id FROM received_messages WHERE at < ? LIMIT ?)`, keepReceived},
		{`DELETE FROM remote_interest WHERE (localpart, server) IN
			(SELECT localpart, server FROM remote_interest WHERE at < ? LIMIT ?)`, keepInterest},
		{`DELETE FROM openid_tokens WHERE hash IN
			(SELECT hash FROM openid_tokens WHERE expires < ? LIMIT ?)`, 0},
		{`DELETE FROM login_tokens WHERE hash IN
			(SELECT hash FROM login_tokens WHERE expires < ? LIMIT ?)`, 0},
		{`DELETE FROM rtm_channel_visits WHERE (app, channel, user_id) IN
			(SELECT app, channel, user_id FROM rtm_channel_visits WHERE at < ? LIMIT ?)`, keepVisits},
		{`DELETE FROM dead_letters WHERE position IN
			(SELECT position FROM dead_letters WHERE at < ? LIMIT ?)`, keepDeadLetters},
	} {
		for rows := int64(scatteredRows); rows == scatteredRows; removed += rows {
			err := s.write(ctx, func(t *tx) (err error) {
				rows, err = t.exec(table.query, now.Add(-table.keep).UnixMilli(), scatteredRows)
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

// forgetRequests forgets which client requests were accepted before a time. It goes
// through all of them in the order of their keys. By an index on the time it would find
// the old ones at once, but each on a page of its own, and the index would be half of all
// that is remembered of a message.
func (s *Store) forgetRequests(ctx context.Context, before time.Time) (forgotten int64, err error) {
	for from, last := (requestPlace{request: []byte{}}), false; !last; {
		var upTo requestPlace
		if upTo, last, err = s.placeBehind(ctx, from); err != nil {
			return forgotten, err
		}
		rows, err := s.forgetRequestsBetween(ctx, from, upTo, before)
		if forgotten += rows; err != nil {
			return forgotten, err
		}
		from = upTo
		if !last {
			s.rest(ctx, sweepRest)
		}
	}
	return forgotten, nil
}

// rest waits for a time, unless ctx ends first.
func (s *Store) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.closing:
	}
}

// A requestPlace is where a client request stands in the order of the keys.
type requestPlace struct {
	inbox   int64
	request []byte
}

// placeBehind gives the place some requests behind another. It is the last one if there
// are fewer.
func (s *Store) placeBehind(ctx context.Context, from requestPlace) (upTo requestPlace, last bool, err error) {
	err = s.queryRow(ctx, `SELECT inbox, request FROM client_requests WHERE (inbox, request) > (?, ?)
		ORDER BY inbox, request LIMIT 1 OFFSET ?`, []any{from.inbox, from.request, sweptRequests - 1}, &upTo.inbox, &upTo.request)
	if errors.Is(err, sql.ErrNoRows) {
		return requestPlace{inbox: math.MaxInt64, request: []byte{}}, true, nil
	}
	return upTo, false, err
}

// forgetRequestsBetween is forgetRequests for those behind a place, up to another.
func (s *Store) forgetRequestsBetween(ctx context.Context, from, upTo requestPlace, before time.Time) (forgotten int64, err error) {
	const old = `FROM client_requests WHERE (inbox, request) > (?, ?) AND (inbox, request) <= (?, ?) AND at < ?`
	args := []any{from.inbox, from.request, upTo.inbox, upTo.request, before.UnixMilli()}
	var any bool
	if err := s.queryRow(ctx, `SELECT EXISTS (SELECT 1 `+old+`)`, args, &any); err != nil || !any {
		return 0, err
	}
	err = s.write(ctx, func(t *tx) (err error) {
		forgotten, err = t.exec(`DELETE `+old, args...)
		return err
	})
	return forgotten, err
}

// forgetDeviceLists forgets the device lists that concern nobody here any more. All of
// them are looked at; by a reader, so that nobody waits for that.
func (s *Store) forgetDeviceLists(ctx context.Context) (forgotten int64, err error) {
	const idle = `NOT EXISTS (SELECT 1 FROM interest i WHERE i.user_id = l.user_id)`
	for found := scatteredRows; found == scatteredRows; {
		rows, err := s.query(ctx, `SELECT user_id FROM remote_device_lists l WHERE `+idle+` LIMIT ?`, scatteredRows)
		users, err := collect(rows, err, func(rows *sql.Rows) (user string, err error) {
			err = rows.Scan(&user)
			return user, err
		})
		if found = len(users); err != nil || found == 0 {
			return forgotten, err
		}
		var gone int64
		err = s.write(ctx, func(t *tx) error {
			gone = 0
			for _, user := range users {
				rows, err := t.exec(`DELETE FROM remote_device_lists AS l WHERE user_id = ? AND `+idle, user)
				if err != nil {
					return err
				}
				gone += rows
			}
			return nil
		})
		if forgotten += gone; err != nil {
			return forgotten, err
		}
	}
	return forgotten, nil
}

// loseInterest ends interest that was last shown before a time, some of it, and has
// those hear of it who will not be told any more. It gives their number.
func (t *tx) loseInterest(before time.Time) (lost int64, err error) {
	type pair struct{ userID, localpart string }
	rows, err := t.query(`SELECT user_id, localpart FROM interest WHERE at < ? LIMIT ?`, before.UnixMilli(), scatteredRows)
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
