package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// Accept commits a batch together with the memory of its source, so that a retry
// after a crash neither loses a message nor delivers it twice. It returns once
// the batch is on disk.
//
// It fails with todevice.ErrUnknownDevice if the sending device no longer exists,
// with todevice.ErrKeyReused if the key of an RTM request was given to another,
// and with todevice.ErrInboxFull if a local sender addresses a full inbox; the
// batch is then refused whole. Entries of another server for a full inbox are
// skipped, as its transaction must not fail for them.
func (s *Store) Accept(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	var accepted todevice.Accepted
	err := s.write(ctx, func(t *tx) (err error) {
		accepted, err = t.accept(b)
		return err
	})
	if err != nil {
		return todevice.Accepted{}, fmt.Errorf("accept: %w", err)
	}
	return accepted, nil
}

func (t *tx) accept(b todevice.Batch) (acc todevice.Accepted, err error) {
	// All that can refuse the batch comes before the first change.
	placements := make([][]placement, len(b.Sends))
	for i, send := range b.Sends {
		if placements[i], err = t.place(send, send.SkipFull || b.Source.Origin != "", &acc.Skipped); err != nil {
			return t.refuse(b.Source, err)
		}
	}
	first, err := t.remember(b.Source)
	if err != nil || !first {
		return t.refuse(b.Source, err)
	}
	var arrived []arrival
	for i, send := range b.Sends {
		first, err := t.rememberMessage(b.Source.Origin, send.MessageID)
		if err != nil {
			return acc, err
		}
		if !first {
			acc.Skipped.RepeatedMessages++
			continue
		}
		for _, p := range placements[i] {
			event, dropped, err := t.deliver(send, p)
			if err != nil {
				return acc, err
			}
			acc.Evicted = append(acc.Evicted, dropped...)
			for _, inbox := range p.inboxes {
				acc.Deliveries = append(acc.Deliveries, todevice.Delivery{Inbox: inbox, Position: event.Position})
				arrived = append(arrived, arrival{inbox, event, p.class == todevice.KeepLatest})
			}
		}
	}
	if err := t.rememberDeliveries(b.Source.RTM, acc.Deliveries); err != nil {
		return acc, err
	}
	if err := t.keepRecords(b.Records); err != nil {
		return acc, fmt.Errorf("keep for the history: %w", err)
	}
	t.afterCommit(func() { t.writer.store.arrivals.delivered(arrived) })
	if err := t.acquaintAll(b); err != nil {
		return acc, fmt.Errorf("note who knows whom: %w", err)
	}
	if acc.StaleDeviceLists, err = t.updateDeviceLists(b); err != nil {
		return acc, fmt.Errorf("update device lists: %w", err)
	}
	if err := t.changeChannelGuests(b.Guests); err != nil {
		return acc, fmt.Errorf("change the guests of channels: %w", err)
	}
	acc.Servers, err = t.enqueue(b.EDUs)
	return acc, err
}

// updateDeviceLists takes what another server tells of its users' devices and keys,
// and tells whether it must be asked for any list.
func (t *tx) updateDeviceLists(b todevice.Batch) (stale bool, err error) {
	for _, update := range b.DeviceLists {
		marked, err := t.updateRemoteDevice(update)
		if err != nil {
			return false, err
		}
		stale = stale || marked
	}
	for _, update := range b.SigningKeys {
		if err := t.updateSigningKeys(update); err != nil {
			return false, err
		}
	}
	return stale, nil
}

// refuse says why a batch is not accepted now. One that was accepted before has
// the same success as then, whatever has become of the recipients.
func (t *tx) refuse(source todevice.Source, why error) (todevice.Accepted, error) {
	if source.RTM != nil {
		before, err := t.rtmAnswer(*source.RTM)
		if err == nil && before == nil {
			err = why
		}
		return todevice.Accepted{Repeated: before != nil, Before: before}, err
	}
	repeated, err := t.repeated(source)
	if err == nil && !repeated {
		err = why
	}
	return todevice.Accepted{Repeated: repeated}, err
}

// repeated tells whether the source was remembered by an earlier batch.
func (t *tx) repeated(source todevice.Source) (known bool, err error) {
	switch {
	case source.Client != 0:
		err = t.queryRow(`SELECT EXISTS (SELECT 1 FROM client_requests r WHERE r.inbox = d.inbox AND r.request = ?)
			FROM devices d WHERE d.inbox = ?`, []any{requestKey(source.Request), source.Client}, &known)
		if errors.Is(err, sql.ErrNoRows) {
			return false, todevice.ErrUnknownDevice
		}
	case source.Taken.Inbox != 0:
		err = t.queryRow(`SELECT NOT EXISTS (SELECT 1 FROM inboxes WHERE inbox = ? AND position <= ?)`,
			[]any{source.Taken.Inbox, source.Taken.Position}, &known)
	case source.Origin != "":
		err = t.queryRow(`SELECT EXISTS (SELECT 1 FROM received_transactions WHERE origin = ? AND txn_id = ?)`,
			[]any{string(source.Origin), source.TxnID}, &known)
	}
	if err != nil {
		return false, fmt.Errorf("look for the request: %w", err)
	}
	return known, nil
}

// requestKey shortens what names a request: a transaction ID may be long, and the
// row is kept for a day.
func requestKey(request string) []byte {
	sum := sha256.Sum256([]byte(request))
	return sum[:16]
}

// remember tells whether the source is new. It is not if it was remembered before,
// nor if it is a device that does not exist.
func (t *tx) remember(source todevice.Source) (first bool, err error) {
	rows := int64(1)
	switch {
	case source.Client != 0:
		rows, err = t.rememberClient(source)
	case source.Origin != "":
		rows, err = t.exec(`INSERT OR IGNORE INTO received_transactions (origin, txn_id, at) VALUES (?, ?, ?)`,
			string(source.Origin), source.TxnID, t.nowMillis())
	case source.RTM != nil:
		rows, err = t.rememberRTM(*source.RTM)
	case source.Taken.Inbox != 0:
		var taken int
		taken, err = t.confirm(source.Taken.Inbox, source.Taken.Position)
		rows = int64(min(taken, 1))
	}
	if err != nil {
		return false, fmt.Errorf("remember the request: %w", err)
	}
	return rows == 1, nil
}

func (t *tx) rememberClient(source todevice.Source) (rows int64, err error) {
	if t.writer.devices.exists(source.Client) {
		return t.exec(`INSERT OR IGNORE INTO client_requests (inbox, request, at) VALUES (?, ?, ?)`,
			source.Client, requestKey(source.Request), t.nowMillis())
	}
	rows, err = t.exec(`INSERT OR IGNORE INTO client_requests (inbox, request, at)
		SELECT inbox, ?, ? FROM devices WHERE inbox = ?`, requestKey(source.Request), t.nowMillis(), source.Client)
	if rows > 0 {
		t.writer.devices.add(source.Client)
	}
	return rows, err
}

// rememberMessage tells whether the message ID is new to its origin.
func (t *tx) rememberMessage(origin spec.ServerName, id string) (first bool, err error) {
	if origin == "" || id == "" {
		return true, nil
	}
	rows, err := t.exec(`INSERT OR IGNORE INTO received_messages (origin, message_id, at) VALUES (?, ?, ?)`,
		string(origin), id, t.nowMillis())
	if err != nil {
		return false, fmt.Errorf("remember the message: %w", err)
	}
	return rows == 1, nil
}

// deliver stores one message for all its inboxes under one position. The body of
// a message to several devices is stored once. It gives what had to go for it.
func (t *tx) deliver(send todevice.Send, p placement) (event todevice.Event, dropped []todevice.Dropped, err error) {
	event = todevice.Event{Position: t.position(), JSON: todevice.EventJSON(send.Sender, send.Type, p.content)}
	body, shared := event.JSON, 0
	if len(p.inboxes) > 1 {
		_, err := t.exec(`INSERT INTO broadcasts (position, event, waiting) VALUES (?, ?, ?)`, event.Position, body, len(p.inboxes))
		if err != nil {
			return event, nil, fmt.Errorf("store the message: %w", err)
		}
		body, shared = nil, 1
	}
	for _, inbox := range p.inboxes {
		_, err := t.exec(`INSERT INTO inboxes (inbox, position, event, expires) VALUES (?, ?, ?, ?)`,
			inbox, event.Position, body, t.expires(p.class))
		if err != nil {
			return event, nil, fmt.Errorf("store in inbox: %w", err)
		}
		t.writer.backlog.add(inbox, len(body), shared)
		if p.class != todevice.KeepLatest {
			continue
		}
		gone, err := t.evict(inbox)
		if err != nil {
			return event, nil, err
		}
		dropped = append(dropped, gone...)
	}
	return event, dropped, nil
}

// enqueue stores EDUs for other servers and names the server of each.
func (t *tx) enqueue(edus []todevice.EDU) ([]spec.ServerName, error) {
	var servers []spec.ServerName
	for _, edu := range edus {
		_, err := t.exec(`INSERT INTO outbox (server, position, edu, at) VALUES (?, ?, ?, ?)`,
			string(edu.Destination), t.position(), edu.JSON, t.nowMillis())
		if err != nil {
			return nil, fmt.Errorf("store in outbox: %w", err)
		}
		servers = append(servers, edu.Destination)
	}
	return servers, nil
}
