package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// maxRTMEvents is how many events a stream keeps.
const maxRTMEvents = 2000

// RecordRTMEvents keeps events for those who ask for them, and for the webhooks that want
// them, all or none. Events that only webhooks are told of, and none wants, are left out.
func (s *Store) RecordRTMEvents(ctx context.Context, events ...todevice.RTMEvent) error {
	events = slices.DeleteFunc(slices.Clone(events), func(e todevice.RTMEvent) bool {
		return e.Type.Kind() == "" && !s.WantsRTMEvent(e.App, e.Type)
	})
	if len(events) == 0 {
		return nil
	}
	ids := make([]string, len(events))
	for i := range ids {
		ids[i] = rand.Text()
	}
	err := s.write(ctx, func(t *tx) error {
		for i, e := range events {
			if err := t.recordRTMEvent(ids[i], e); err != nil {
				return err
			}
		}
		t.tellRTMEvents(events)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record RTM events: %w", err)
	}
	return nil
}

// WantsRTMEvent tells whether a webhook of the app wants events of the type.
func (s *Store) WantsRTMEvent(app string, what todevice.RTMEventType) bool {
	return slices.ContainsFunc(s.webhooks, func(w todevice.RTMWebhook) bool {
		return w.App == app && slices.Contains(w.Events, what)
	})
}

// tellRTMEvents has those hear of the events who wait for some, once they can be read.
func (t *tx) tellRTMEvents(events []todevice.RTMEvent) {
	told := t.writer.store.rtmEvents
	if told == nil {
		return
	}
	var apps []string
	for _, e := range events {
		if !slices.Contains(apps, e.App) {
			apps = append(apps, e.App)
		}
	}
	t.afterCommit(func() { told(apps) })
}

func (t *tx) recordRTMEvent(id string, e todevice.RTMEvent) error {
	if e.At.IsZero() {
		e.At = time.UnixMilli(t.nowMillis())
	}
	for _, w := range t.writer.store.webhooks {
		if w.App == e.App && slices.Contains(w.Events, e.Type) {
			if err := t.queueForWebhook(w.ID, id, e); err != nil {
				return fmt.Errorf("queue an event for a webhook: %w", err)
			}
		}
	}
	if e.Type.Kind() == "" {
		return nil
	}
	return t.appendRTMEvent(e)
}

// appendRTMEvent adds an event to its stream, and removes the one that is then too many.
func (t *tx) appendRTMEvent(e todevice.RTMEvent) error {
	var stream, number int64
	err := t.queryRow(`INSERT INTO rtm_event_streams (app_id, kind, head, drained) VALUES (?, ?, 1, 0)
		ON CONFLICT (app_id, kind) DO UPDATE SET head = head + 1 RETURNING stream, head`,
		[]any{e.App, e.Type.Kind()}, &stream, &number)
	if err != nil {
		return fmt.Errorf("number an event: %w", err)
	}
	t.changes++
	_, err = t.exec(`INSERT INTO rtm_events (stream, number, type, uid, channel, at) VALUES (?, ?, ?, ?, ?, ?)`,
		stream, number, e.Type, e.User, e.Channel, e.At.UnixMilli())
	if err != nil {
		return fmt.Errorf("add an event: %w", err)
	}
	if _, err := t.exec(`DELETE FROM rtm_events WHERE stream = ? AND number <= ?`, stream, number-maxRTMEvents); err != nil {
		return fmt.Errorf("remove the oldest event: %w", err)
	}
	return nil
}

// An rtmStream is where one stream of events is.
type rtmStream struct{ id, head, drained int64 }

// rtmStream finds a stream. One that has no events yet has the number 0.
func (r snapshot) rtmStream(app string, kind todevice.RTMEventKind) (s rtmStream, err error) {
	err = r.queryRow(`SELECT stream, head, drained FROM rtm_event_streams WHERE app_id = ? AND kind = ?`,
		[]any{app, kind}, &s.id, &s.head, &s.drained)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return s, err
}

// rtmEvents gives at most so many events of a stream after a number, and the last number.
func (r snapshot) rtmEvents(app string, stream, after int64, limit int) (events []todevice.RTMEvent, last int64, err error) {
	rows, err := r.query(`SELECT number, type, uid, channel, at FROM rtm_events WHERE stream = ? AND number > ?
		ORDER BY number LIMIT ?`, stream, after, limit)
	last = after
	events, err = collect(rows, err, func(rows *sql.Rows) (todevice.RTMEvent, error) {
		e := todevice.RTMEvent{App: app}
		var at int64
		err := rows.Scan(&last, &e.Type, &e.User, &e.Channel, &at)
		e.At = time.UnixMilli(at)
		return e, err
	})
	return events, last, err
}

// RTMEvents reads at most so many events of a stream that follow a place, which may be
// todevice.RTMBeginning. It changes nothing.
func (s *Store) RTMEvents(ctx context.Context, app string, kind todevice.RTMEventKind, after int64, limit int) (page todevice.RTMEventPage, err error) {
	err = s.snapshot(ctx, func(r snapshot) error {
		stream, err := r.rtmStream(app, kind)
		if err != nil {
			return err
		}
		switch {
		case after == todevice.RTMBeginning: // nobody has missed what was before their first look
			after = 0
		case after < 0 || after > stream.head:
			after, page.Lost = 0, true
		default:
			page.Lost = after < stream.head-maxRTMEvents
		}
		page.Events, page.Next, err = r.rtmEvents(app, stream.id, after, limit)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("read RTM events: %w", err)
	}
	return page, nil
}

// DrainRTMEvents gives at most so many events of a stream that it has not given before.
// The others can be read by RTMEvents all the same.
func (s *Store) DrainRTMEvents(ctx context.Context, app string, kind todevice.RTMEventKind, limit int) (events []todevice.RTMEvent, err error) {
	if empty, err := s.drained(ctx, app, kind); err != nil || empty {
		return nil, err
	}
	err = s.write(ctx, func(t *tx) error {
		stream, err := t.snapshot().rtmStream(app, kind)
		if err != nil {
			return err
		}
		var last int64
		if events, last, err = t.snapshot().rtmEvents(app, stream.id, stream.drained, limit); err != nil {
			return err
		}
		_, err = t.exec(`UPDATE rtm_event_streams SET drained = ? WHERE stream = ?`, last, stream.id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("drain RTM events: %w", err)
	}
	return events, nil
}

// drained tells whether there is nothing to drain, without waiting for a commit.
func (s *Store) drained(ctx context.Context, app string, kind todevice.RTMEventKind) (empty bool, err error) {
	err = s.snapshot(ctx, func(r snapshot) error {
		stream, err := r.rtmStream(app, kind)
		empty = stream.drained == stream.head
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for RTM events: %w", err)
	}
	return empty, nil
}
