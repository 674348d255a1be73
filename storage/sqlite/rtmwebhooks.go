package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// maxWebhookEvents is how many events may wait for one webhook. Of more, the newest
// replace the oldest.
const maxWebhookEvents = 100_000

// keepWebhookEvents is how long an event may wait for a webhook.
const keepWebhookEvents = 24 * time.Hour

func (t *tx) queueForWebhook(hook, id string, e todevice.RTMEvent) error {
	var number int64
	err := t.queryRow(`INSERT INTO rtm_webhooks (hook, head, failures, retry_at) VALUES (?, 1, 0, 0)
		ON CONFLICT (hook) DO UPDATE SET head = head + 1 RETURNING head`, []any{hook}, &number)
	if err != nil {
		return fmt.Errorf("number an event: %w", err)
	}
	t.changes++
	_, err = t.exec(`INSERT INTO rtm_webhook_events
		(hook, number, event_id, app_id, type, uid, channel, message_id, at, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		hook, number, id, e.App, e.Type, e.User, e.Channel, e.MessageID, e.At.UnixMilli(), t.nowMillis())
	if err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM rtm_webhook_events WHERE hook = ? AND number <= ?`, hook, number-maxWebhookEvents)
	return err
}

// WebhookEvents gives the first events that wait for a webhook, at most so many.
func (s *Store) WebhookEvents(ctx context.Context, hook string, limit int) ([]todevice.RTMWebhookEvent, error) {
	rows, err := s.query(ctx, `SELECT number, event_id, app_id, type, uid, channel, message_id, at
		FROM rtm_webhook_events WHERE hook = ? ORDER BY number LIMIT ?`, hook, limit)
	events, err := collect(rows, err, func(rows *sql.Rows) (e todevice.RTMWebhookEvent, err error) {
		var at int64
		err = rows.Scan(&e.Number, &e.ID, &e.App, &e.Type, &e.User, &e.Channel, &e.MessageID, &at)
		e.At = time.UnixMilli(at)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what waits for a webhook: %w", err)
	}
	return events, nil
}

// WebhookState tells how it goes with a webhook.
func (s *Store) WebhookState(ctx context.Context, hook string) (state todevice.RTMWebhookState, err error) {
	var retryAt int64
	err = s.queryRow(ctx, `SELECT failures, retry_at,
			(SELECT count(*) FROM rtm_webhook_events e WHERE e.hook = w.hook),
			(SELECT count(*) FROM rtm_webhook_dead d WHERE d.hook = w.hook)
		FROM rtm_webhooks w WHERE hook = ?`, []any{hook}, &state.Failures, &retryAt, &state.Waiting, &state.Dead)
	if errors.Is(err, sql.ErrNoRows) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("read how it goes with a webhook: %w", err)
	}
	if retryAt > 0 {
		state.RetryAt = time.UnixMilli(retryAt)
	}
	return state, nil
}

// WebhookDelivered removes an event that a webhook has taken, and forgets its failures.
func (s *Store) WebhookDelivered(ctx context.Context, hook string, number int64) error {
	err := s.write(ctx, func(t *tx) error {
		if _, err := t.exec(`DELETE FROM rtm_webhook_events WHERE hook = ? AND number = ?`, hook, number); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE rtm_webhooks SET failures = 0, retry_at = 0 WHERE hook = ? AND failures > 0`, hook)
		return err
	})
	if err != nil {
		return fmt.Errorf("note that a webhook was told: %w", err)
	}
	return nil
}

// WebhookFailed remembers the back-off of a webhook.
func (s *Store) WebhookFailed(ctx context.Context, hook string, failures int, retryAt time.Time) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE rtm_webhooks SET failures = ?, retry_at = ? WHERE hook = ?`, failures, retryAt.UnixMilli(), hook)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember that a webhook failed: %w", err)
	}
	return nil
}

// GiveUpWebhookEvent moves an event that waits for a webhook to the dead letters.
func (s *Store) GiveUpWebhookEvent(ctx context.Context, hook string, number int64, reason string) error {
	err := s.write(ctx, func(t *tx) error {
		_, err := t.giveUpWebhookEvents(reason, `hook = ? AND number = ?`, hook, number)
		return err
	})
	if err != nil {
		return fmt.Errorf("give up an event of a webhook: %w", err)
	}
	return nil
}

// giveUpWebhookEvents moves the events of a condition, and gives their number.
func (t *tx) giveUpWebhookEvents(reason, condition string, args ...any) (moved int64, err error) {
	_, err = t.exec(`INSERT OR IGNORE INTO rtm_webhook_dead
		(hook, number, event_id, app_id, type, uid, channel, message_id, at, reason, given_up)
		SELECT hook, number, event_id, app_id, type, uid, channel, message_id, at, ?, ? FROM rtm_webhook_events WHERE `+condition,
		append([]any{reason, t.nowMillis()}, args...)...)
	if err != nil {
		return 0, err
	}
	return t.exec(`DELETE FROM rtm_webhook_events WHERE `+condition, args...)
}

// sweepWebhooks gives up what has waited for a webhook for too long, also for one that is
// not configured any more, and forgets old dead letters and those beyond the bound.
func (s *Store) sweepWebhooks(ctx context.Context, now time.Time) (removed int64, err error) {
	for rows := int64(sweepRows); rows == sweepRows; removed += rows {
		err := s.write(ctx, func(t *tx) (err error) {
			rows, err = t.giveUpWebhookEvents(expired, `(hook, number) IN
				(SELECT hook, number FROM rtm_webhook_events WHERE recorded < ? ORDER BY recorded, number LIMIT ?)`,
				now.Add(-keepWebhookEvents).UnixMilli(), sweepRows)
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("give up events of webhooks: %w", err)
		}
	}
	for rows := int64(sweepRows); rows == sweepRows; removed += rows {
		err := s.write(ctx, func(t *tx) (err error) {
			rows, err = t.exec(`DELETE FROM rtm_webhook_dead WHERE (hook, number) IN (SELECT d.hook, d.number
				FROM rtm_webhook_dead d JOIN rtm_webhooks w ON w.hook = d.hook WHERE d.given_up < ? OR d.number <= w.head - ? LIMIT ?)`,
				now.Add(-keepDeadLetters).UnixMilli(), maxWebhookEvents, sweepRows)
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("forget dead letters of webhooks: %w", err)
		}
	}
	return removed, nil
}
