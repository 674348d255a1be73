package sqlite

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// classes is the number of classes that rows of the outbox have. A transaction
// takes the rows of class 0 first, which are messages to devices, and fills what is
// left of its room with those of class 1.
const classes = 2

// An inFlight is the recorded composition of a transaction: of each class the rows
// that wait for its server up to a position. Rows that come later have higher
// positions, and so are not in it.
type inFlight struct {
	id       string
	created  int64
	upTo     [classes]todevice.Position
	refusals int
	// maxEDUs is what the server's transactions were reduced to, 0 if they are not.
	maxEDUs int
}

// readInFlight reads the transaction in flight; its ID is "" if there is none, but
// maxEDUs is told also then.
func readInFlight(queryRow func(query string, args []any, into ...any) error, server spec.ServerName) (f inFlight, err error) {
	err = queryRow(`SELECT coalesce(txn_id, ''), coalesce(txn_created, 0), coalesce(txn_upto, 0), txn_upto_1, txn_refusals, max_edus
		FROM destinations WHERE server = ?`,
		[]any{string(server)}, &f.id, &f.created, &f.upTo[0], &f.upTo[1], &f.refusals, &f.maxEDUs)
	if errors.Is(err, sql.ErrNoRows) {
		return inFlight{}, nil
	}
	return f, err
}

// inFlight gives the transaction in flight if it has this ID.
func (t *tx) inFlight(server spec.ServerName, txnID string) (f inFlight, ok bool, err error) {
	f, err = readInFlight(t.queryRow, server)
	return f, err == nil && f.id == txnID, err
}

// A room is what may still go into a transaction.
type room struct {
	edus, bytes int
	used        bool
}

// take tells whether an EDU of this size goes in. The first always does.
func (r *room) take(size int) bool {
	if r.used && size > r.bytes {
		return false
	}
	r.used = true
	r.edus--
	r.bytes -= size
	return true
}

// compose records the next transaction, of reduced EDUs at most if that is not 0, and
// gives it with what is in it. The server has none in flight.
func (t *tx) compose(server spec.ServerName, reduced, maxEDUs, maxBytes int) (f inFlight, edus []json.RawMessage, more bool, err error) {
	f.maxEDUs = reduced
	if reduced > 0 {
		maxEDUs = min(maxEDUs, reduced)
	}
	left := room{edus: maxEDUs, bytes: maxBytes}
	for class := range f.upTo {
		if class == 1 && left.edus > 0 {
			if more, err = t.composeDeviceLists(server, left.edus); err != nil {
				return inFlight{}, nil, false, err
			}
		}
		if f.upTo[class], edus, err = t.fill(edus, &left, server, class); err != nil {
			return inFlight{}, nil, false, err
		}
	}
	if !left.used {
		return inFlight{}, nil, more, nil
	}
	// The time tells transactions apart across a database lost and made again.
	f.created = t.nowMillis()
	f.id = fmt.Sprintf("%d-%s", f.created, rand.Text())
	_, err = t.exec(`INSERT INTO destinations (server, txn_id, txn_created, txn_upto, txn_upto_1, failures, retry_at, last_error)
		VALUES (?, ?, ?, ?, ?, 0, 0, '') ON CONFLICT (server) DO UPDATE
		SET txn_id = excluded.txn_id, txn_created = excluded.txn_created,
			txn_upto = excluded.txn_upto, txn_upto_1 = excluded.txn_upto_1, txn_refusals = 0`,
		string(server), f.id, f.created, f.upTo[0], f.upTo[1])
	return f, edus, false, err
}

// fill puts the rows of a class into what room is left, oldest first, behind those of
// the class before. It gives the position of the last that goes in, 0 if none does.
func (t *tx) fill(edus []json.RawMessage, left *room, server spec.ServerName, class int) (upTo todevice.Position, _ []json.RawMessage, err error) {
	if left.edus == 0 {
		return 0, edus, nil
	}
	rows, err := t.query(`SELECT position, edu FROM outbox WHERE server = ? AND class = ? ORDER BY position LIMIT ?`,
		string(server), class, left.edus)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() { // and no further than there is room: the next may be long
		var position todevice.Position
		var edu []byte
		if err := rows.Scan(&position, &edu); err != nil {
			return 0, nil, err
		}
		if !left.take(len(edu)) {
			break
		}
		upTo, edus = position, append(edus, edu)
	}
	return upTo, edus, rows.Err()
}

// remove deletes the rows of a transaction and gives their number.
func (t *tx) remove(server spec.ServerName, f inFlight) (edus int, err error) {
	for class, upTo := range f.upTo {
		if upTo == 0 {
			continue
		}
		removed, err := t.exec(`DELETE FROM outbox WHERE server = ? AND class = ? AND position <= ?`, string(server), class, upTo)
		if err != nil {
			return 0, err
		}
		edus += int(removed)
	}
	return edus, nil
}

// land notes that no transaction is in flight any more. The server's failures and
// the size of its transactions stay as they are.
func (t *tx) land(server spec.ServerName) error {
	_, err := t.exec(`UPDATE destinations SET txn_id = NULL, txn_created = NULL, txn_upto = NULL, txn_upto_1 = 0, txn_refusals = 0
		WHERE server = ?`, string(server))
	return err
}
