package sqlite

import (
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// maxWebhookEvents is how many events may wait for one webhook. Of more, the newest
// replace the oldest.
const maxWebhookEvents = 100_000

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
