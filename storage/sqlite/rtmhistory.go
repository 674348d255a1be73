package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// historyLimits bound the history of each RTM app.
type historyLimits struct {
	age   time.Duration
	bytes int64
}

// recordBytes is what a record is counted for besides its payload and its names: its
// row, and its place in the indexes.
const recordBytes = 256

// historyRows is how many records one commit removes at most. They may have 32 KiB
// each, so these are fewer than sweepRows.
const historyRows = 200

// keepRecords stores messages for the histories of their apps, and has the oldest make
// room for them.
func (t *tx) keepRecords(records []todevice.RTMRecord) error {
	for _, r := range records {
		destination, channel := r.Channel, r.Channel != ""
		if !channel {
			destination = r.To.String()
		}
		source := r.Source.String()
		bytes := len(r.Payload) + len(source) + len(destination) + recordBytes
		_, err := t.exec(`INSERT INTO rtm_history (app, channel, source, destination, at, bytes, payload) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			r.App, channel, source, destination, r.At.UnixMilli(), bytes, r.Payload)
		if err == nil {
			_, err = t.shrinkHistory(r.App)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shrinkHistory removes the oldest records of an app that has too much, historyRows at
// most, so that no message is held up by more. These are always enough for one record
// that came in; what is over since the limit was lowered goes by and by.
func (t *tx) shrinkHistory(app string) (removed int64, err error) {
	var excess int64
	err = t.queryRow(`SELECT coalesce(sum(bytes), 0) - ? FROM rtm_history_sizes WHERE app = ?`,
		[]any{t.writer.store.history.bytes, app}, &excess)
	if err != nil || excess <= 0 {
		return 0, err
	}
	last, err := t.oldestRecords(app, excess)
	if err != nil {
		return 0, err
	}
	return t.exec(`DELETE FROM rtm_history WHERE app = ? AND id <= ?`, app, last)
}

// oldestRecords gives the last of the oldest records that take so many bytes together,
// or of historyRows.
func (t *tx) oldestRecords(app string, bytes int64) (last int64, err error) {
	rows, err := t.query(`SELECT id, bytes FROM rtm_history WHERE app = ? ORDER BY id LIMIT ?`, app, historyRows)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for bytes > 0 && rows.Next() {
		var size int64
		if err := rows.Scan(&last, &size); err != nil {
			return 0, err
		}
		bytes -= size
	}
	return last, rows.Err()
}

// sweepHistory removes what is too old, and what is too much since a limit was lowered.
func (s *Store) sweepHistory(ctx context.Context, now time.Time) (removed int64, err error) {
	removed, err = s.inSteps(ctx, func(t *tx) (int64, error) {
		return t.exec(`DELETE FROM rtm_history WHERE id IN (SELECT id FROM rtm_history WHERE at < ? LIMIT ?)`,
			now.Add(-s.history.age).UnixMilli(), historyRows)
	})
	if err != nil {
		return removed, err
	}
	rows, err := s.query(ctx, `SELECT app FROM rtm_history_sizes WHERE bytes > ?`, s.history.bytes)
	apps, err := collect(rows, err, func(rows *sql.Rows) (app string, err error) { return app, rows.Scan(&app) })
	for _, app := range apps {
		n, err := s.inSteps(ctx, func(t *tx) (int64, error) { return t.shrinkHistory(app) })
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, err
}

// inSteps commits a removal of at most historyRows rows again and again, until it finds
// less than that.
func (s *Store) inSteps(ctx context.Context, remove func(*tx) (int64, error)) (removed int64, err error) {
	for rows := int64(historyRows); rows == historyRows; removed += rows {
		err := s.write(ctx, func(t *tx) (err error) {
			rows, err = remove(t)
			return err
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// What a user was part of: the messages they sent, and those they were sent.
const (
	sentBy = `SELECT h.id FROM rtm_history_sizes s JOIN rtm_history h ON h.app = s.app AND h.source = ? LIMIT ?`
	sentTo = `SELECT h.id FROM rtm_history_sizes s JOIN rtm_history h ON h.app = s.app AND h.channel = 0 AND h.destination = ? LIMIT ?`
)

// shortenHistoryOf removes the records a user was part of in small commits, until few
// enough are left for one.
func (s *Store) shortenHistoryOf(ctx context.Context, user todevice.UserID) error {
	for _, which := range []string{sentBy, sentTo} {
		_, err := s.inSteps(ctx, func(t *tx) (int64, error) {
			var found int
			err := t.queryRow(`SELECT count(*) FROM (`+which+`)`, []any{user.String(), historyRows + 1}, &found)
			if err != nil || found <= historyRows {
				return 0, err
			}
			return t.exec(`DELETE FROM rtm_history WHERE id IN (`+which+`)`, user.String(), historyRows)
		})
		if err != nil {
			return fmt.Errorf("shorten the history of a user: %w", err)
		}
	}
	return nil
}

// forgetHistoryOf removes all of them, and where the user was.
func (t *tx) forgetHistoryOf(user todevice.UserID) error {
	for _, which := range []string{sentBy, sentTo} {
		if _, err := t.exec(`DELETE FROM rtm_history WHERE id IN (`+which+`)`, user.String(), -1); err != nil {
			return err
		}
	}
	_, err := t.exec(`DELETE FROM rtm_channel_visits WHERE user_id = ?`, user.String())
	return err
}

// History gives what a query finds of an app's history, a page of it. What is too old
// is not found, swept or not.
func (s *Store) History(ctx context.Context, q todevice.RTMQuery, page todevice.RTMPage) ([]todevice.RTMRecord, error) {
	found, args := s.findHistory(`id, at, channel, source, destination, payload`, q)
	order := ` ORDER BY at, id LIMIT ? OFFSET ?`
	if page.Descending {
		order = ` ORDER BY at DESC, id DESC LIMIT ? OFFSET ?`
	}
	rows, err := s.query(ctx, found+order, append(args, page.Limit, page.Offset)...)
	records, err := collect(rows, err, func(rows *sql.Rows) (todevice.RTMRecord, error) { return scanRecord(q.App, rows) })
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return records, nil
}

// CountHistory gives the number of messages a query finds.
func (s *Store) CountHistory(ctx context.Context, q todevice.RTMQuery) (n int, err error) {
	found, args := s.findHistory(`1`, q)
	if err := s.queryRow(ctx, `SELECT count(*) FROM (`+found+`)`, args, &n); err != nil {
		return 0, fmt.Errorf("count the history: %w", err)
	}
	return n, nil
}

// findHistory writes a query, without its order. For each kind of destination there is
// one SELECT, so that each has an index that is in the order of time.
func (s *Store) findHistory(columns string, q todevice.RTMQuery) (query string, args []any) {
	from := max(ceilMilli(q.From), s.now().Add(-s.history.age).UnixMilli())
	var selects []string
	add := func(where string, values ...any) {
		if q.Source != (todevice.UserID{}) {
			where, values = where+` AND source = ?`, append(values, q.Source.String())
		}
		selects = append(selects, `SELECT `+columns+` FROM rtm_history WHERE app = ? AND at BETWEEN ? AND ?`+where)
		args = append(append(args, q.App, from, q.Until.UnixMilli()), values...)
	}
	if q.To != (todevice.UserID{}) {
		add(` AND channel = 0 AND destination = ?`, q.To.String())
	}
	if q.Channel != "" {
		add(` AND channel = 1 AND destination = ?`, q.Channel)
	}
	if len(selects) == 0 {
		add(``)
	}
	return strings.Join(selects, ` UNION ALL `), args
}

// ceilMilli gives the first millisecond that is not before a time.
func ceilMilli(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

func scanRecord(app string, rows *sql.Rows) (todevice.RTMRecord, error) {
	r := todevice.RTMRecord{App: app}
	var id, at int64
	var channel bool
	var source, destination string
	err := rows.Scan(&id, &at, &channel, &source, &destination, &r.Payload)
	if err != nil {
		return r, err
	}
	r.At = time.UnixMilli(at)
	if r.Source, err = todevice.ParseUserID(source); err != nil {
		return r, err
	}
	if channel {
		r.Channel = destination
	} else {
		r.To, err = todevice.ParseUserID(destination)
	}
	return r, err
}
