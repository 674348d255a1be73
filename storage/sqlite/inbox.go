package sqlite

import (
	"context"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// How much one sync response carries.
//
// https://spec.matrix.org/v1.15/client-server-api/#server-behaviour-6
const (
	maxPending      = 100
	maxPendingBytes = 1 << 20
)

// Pending gives the messages of an inbox after a position, oldest first: at most
// 100, and no more once they are over 1 MiB together. more tells that others wait
// behind them. Messages whose time is over are not given, removed or not.
func (s *Store) Pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) (events []todevice.Event, more bool, err error) {
	events, known, generation := s.arrivals.pending(inbox, after)
	if known {
		return events, false, nil
	}
	rows, err := s.query(ctx, `SELECT i.position, coalesce(i.event, b.event)
		FROM inboxes i LEFT JOIN broadcasts b ON i.event IS NULL AND b.position = i.position
		WHERE i.inbox = ? AND i.position > ? AND (i.expires IS NULL OR i.expires > ?)
		ORDER BY i.position LIMIT ?`, inbox, after, s.nowMillis(), maxPending+1)
	if err != nil {
		return nil, false, fmt.Errorf("read the inbox: %w", err)
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		if len(events) == maxPending || size > maxPendingBytes {
			return events, true, nil
		}
		var event todevice.Event
		if err := rows.Scan(&event.Position, &event.JSON); err != nil {
			return nil, false, fmt.Errorf("read a message: %w", err)
		}
		size += len(event.JSON)
		events = append(events, event)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("read the inbox: %w", err)
	}
	if len(events) == 0 {
		s.arrivals.read(inbox, after, generation)
	}
	return events, false, nil
}

// Confirm removes the messages of an inbox up to a position: the device has them.
// It returns once that is durable, with the number of messages removed.
func (s *Store) Confirm(ctx context.Context, inbox todevice.InboxID, upTo todevice.Position) (confirmed int, err error) {
	if holds, err := s.holdsUpTo(ctx, inbox, upTo); err != nil || !holds {
		return 0, err
	}
	err = s.write(ctx, func(t *tx) (err error) {
		confirmed, err = t.confirm(inbox, upTo)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("confirm messages: %w", err)
	}
	return confirmed, nil
}

// holdsUpTo tells whether there may be something to confirm. Most syncs confirm
// nothing new, and need no commit.
func (s *Store) holdsUpTo(ctx context.Context, inbox todevice.InboxID, upTo todevice.Position) (holds bool, err error) {
	if holds, known := s.arrivals.holdsUpTo(inbox, upTo); known {
		return holds, nil
	}
	err = s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM inboxes WHERE inbox = ? AND position <= ?)`, []any{inbox, upTo}, &holds)
	if err != nil {
		return false, fmt.Errorf("look for confirmed messages: %w", err)
	}
	return holds, nil
}

func (t *tx) confirm(inbox todevice.InboxID, upTo todevice.Position) (int, error) {
	if err := t.recordConfirmed(inbox, upTo); err != nil {
		return 0, err
	}
	shared, err := t.leaveBroadcasts(inbox, upTo)
	if err != nil {
		return 0, err
	}
	gone, err := t.exec(`DELETE FROM inboxes WHERE inbox = ? AND position <= ?`, inbox, upTo)
	if err != nil {
		return 0, err
	}
	t.writer.backlog.remove(inbox, int(gone), shared)
	t.afterCommit(func() { t.writer.store.arrivals.removed(inbox, upTo) })
	return int(gone), nil
}

// leaveBroadcasts counts an inbox out of the broadcasts it refers to up to a position, and
// removes those that nobody waits for any more. It gives how many it has left. It comes
// before the rows of the inbox are deleted.
func (t *tx) leaveBroadcasts(inbox todevice.InboxID, upTo todevice.Position) (left int, err error) {
	if t.writer.backlog.holdsNoShared(inbox) {
		return 0, nil
	}
	const references = `(SELECT position FROM inboxes WHERE inbox = ? AND position <= ? AND event IS NULL)`
	rows, err := t.exec(`UPDATE broadcasts SET waiting = waiting - 1 WHERE position IN `+references, inbox, upTo)
	if err == nil && rows > 0 {
		_, err = t.exec(`DELETE FROM broadcasts WHERE waiting = 0 AND position IN `+references, inbox, upTo)
	}
	if err != nil {
		return 0, fmt.Errorf("leave broadcasts: %w", err)
	}
	return int(rows), nil
}
