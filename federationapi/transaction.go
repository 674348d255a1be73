package federationapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
)

// The limits of a transaction.
//
// https://spec.matrix.org/v1.15/server-server-api/#transactions
const (
	maxPDUs = 50
	maxEDUs = 100
	// maxTxnID and maxEventID are in bytes. A transaction ID is remembered, an event
	// ID repeated in the answer.
	maxTxnID   = 255
	maxEventID = 255
)

// A transaction is the body of a PUT /send, with its ID.
type transaction struct {
	id string
	// origin is what the body names, "" where it names none.
	origin spec.ServerName
	bytes  int // of the body
	pdus   []json.RawMessage
	edus   []json.RawMessage
}

// readSend reads a PUT /send.
func readSend(r *http.Request, body json.RawMessage) (transaction, error) {
	id, err := httpapi.PathVar(r, "txnId")
	if err != nil {
		return transaction{}, err
	}
	if len(id) > maxTxnID {
		return transaction{}, httpapi.InvalidParam(fmt.Sprintf("The transaction ID is over %d bytes", maxTxnID))
	}
	if body == nil {
		return transaction{}, httpapi.NotJSON("The request has no body")
	}
	txn, err := readTransaction(body)
	txn.id, txn.bytes = id, len(body)
	return txn, err
}

// readTransaction reads the outer shape of a transaction, which is valid JSON. What is
// wrong with one of its units is no concern of the others, and so none of it is looked
// at here.
func readTransaction(body json.RawMessage) (transaction, error) {
	members, ok := rawjson.Pick(bytes.TrimSpace(body), "origin", "pdus", "edus")
	if !ok {
		return transaction{}, httpapi.BadJSON("The body is not an object")
	}
	var txn transaction
	var err error
	if members[0] != nil {
		origin, ok := rawjson.String(members[0])
		if !ok || origin == "" {
			return transaction{}, httpapi.BadJSON("origin is not a server name")
		}
		txn.origin = spec.ServerName(origin)
	}
	if txn.pdus, err = units(members[1], "pdus", maxPDUs); err != nil {
		return transaction{}, err
	}
	if txn.edus, err = units(members[2], "edus", maxEDUs); err != nil {
		return transaction{}, err
	}
	return txn, nil
}

// units reads a list that may be missing.
func units(raw json.RawMessage, name string, limit int) ([]json.RawMessage, error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	items, ok := rawjson.Items(raw, limit)
	if !ok {
		return nil, httpapi.BadJSON(name + " is not a list")
	}
	if len(items) > limit {
		return nil, httpapi.InvalidParam(fmt.Sprintf("There are more than %d %s", limit, name))
	}
	return items, nil
}

// sendAnswer is the answer to a transaction that was taken.
type sendAnswer struct {
	PDUs map[string]pduResult `json:"pdus"`
}

type pduResult struct {
	Error string `json:"error"`
}

// answerTo refuses the PDUs that carry their ID, one by one: only those of old
// room versions do, and what is not listed counts as done. The answer depends on
// the body alone, so a repeated transaction gets the same.
func answerTo(pdus []json.RawMessage) sendAnswer {
	answer := sendAnswer{PDUs: map[string]pduResult{}}
	for _, raw := range pdus {
		pdu, _ := rawjson.Pick(raw, "event_id")
		if id, ok := rawjson.String(pdu[0]); ok && len(id) <= maxEventID {
			answer.PDUs[id] = pduResult{Error: "unknown room: this server has no rooms"}
		}
	}
	return answer
}
