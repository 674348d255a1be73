package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"github.com/chappe-im/chappe/todevice"
)

// RTMAnswer gives what is remembered of a request, nil if it was not made before. It
// fails with todevice.ErrKeyReused if its key was given to another.
func (s *Store) RTMAnswer(ctx context.Context, r todevice.RTMRequest) (*todevice.RTMAnswer, error) {
	rows, err := s.query(ctx, rtmAnswer, rtmKey(r))
	answer, err := collectRTMAnswer(r, rows, err)
	if err != nil {
		return nil, fmt.Errorf("look for an RTM request: %w", err)
	}
	return answer, nil
}

// rtmKey names a request. It is of one length, and does not show the key.
func rtmKey(r todevice.RTMRequest) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", r.App, r.Sender, r.Key))
	return sum[:16]
}

// One row without an inbox where nothing is to be confirmed.
const rtmAnswer = `SELECT r.body, r.answer_id, r.offline, d.inbox, d.position,
	EXISTS (SELECT 1 FROM inboxes i WHERE i.inbox = d.inbox AND i.position = d.position)
	FROM rtm_requests r LEFT JOIN rtm_deliveries d ON d.request = r.request WHERE r.request = ? ORDER BY d.inbox`

func collectRTMAnswer(r todevice.RTMRequest, rows *sql.Rows, err error) (*todevice.RTMAnswer, error) {
	var answer todevice.RTMAnswer
	same := true
	found, err := collect(rows, err, func(rows *sql.Rows) (waits bool, err error) {
		var body []byte
		var inbox, position sql.NullInt64
		err = rows.Scan(&body, &answer.ID, &answer.Offline, &inbox, &position, &waits)
		same = same && string(body) == string(r.Body[:])
		if inbox.Valid {
			answer.Deliveries = append(answer.Deliveries,
				todevice.Delivery{Inbox: todevice.InboxID(inbox.Int64), Position: todevice.Position(position.Int64)})
			answer.Confirmed = answer.Confirmed || !waits
		}
		return waits, err
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, nil
	case !same:
		return nil, todevice.ErrKeyReused
	}
	return &answer, nil
}

func (t *tx) rtmAnswer(r todevice.RTMRequest) (*todevice.RTMAnswer, error) {
	rows, err := t.query(rtmAnswer, rtmKey(r))
	return collectRTMAnswer(r, rows, err)
}

func (t *tx) rememberRTM(r todevice.RTMRequest) (rows int64, err error) {
	return t.exec(`INSERT OR IGNORE INTO rtm_requests (request, localpart, body, answer_id, offline, at) VALUES (?, ?, ?, ?, ?, ?)`,
		rtmKey(r), r.Sender, r.Body[:], r.AnswerID, r.Offline, t.nowMillis())
}

// rememberDeliveries notes what may be confirmed of an RTM request with a key.
func (t *tx) rememberDeliveries(r *todevice.RTMRequest, deliveries []todevice.Delivery) error {
	if r == nil || r.Offline {
		return nil
	}
	for _, d := range deliveries {
		_, err := t.exec(`INSERT INTO rtm_deliveries (request, inbox, position) VALUES (?, ?, ?)`, rtmKey(*r), d.Inbox, d.Position)
		if err != nil {
			return fmt.Errorf("remember what may be confirmed: %w", err)
		}
	}
	return nil
}
