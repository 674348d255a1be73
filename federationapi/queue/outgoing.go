package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// maxEDUs is the most a transaction may carry.
	//
	// https://spec.matrix.org/v1.15/server-server-api/#transactions
	maxEDUs = 100
	// transactionBytes is how long a transaction gets, unless by a single EDU, and
	// envelopeBytes more than what is around its EDUs.
	transactionBytes = 1 << 20
	envelopeBytes    = 1 << 10
	// recordTimeout is for storing what came of an attempt, which is done even if the
	// queue is being stopped.
	recordTimeout = 10 * time.Second
)

// A storageError is a fault of our own storage, and says nothing of a peer.
type storageError struct{ error }

// What became of a look for the next transaction, where nothing failed.
type progress int

const (
	rest      progress = iota // nothing waits
	delivered                 // the next one may go
	relieved                  // refused, and split or given up: a smaller one may go
)

// sendNext brings the next transaction to a server, and gives it. That the one
// before it was confirmed, "" for none, is stored on the way. A storageError is a
// fault of ours, any other of the server's.
func (q *Queue) sendNext(ctx context.Context, server spec.ServerName, confirmed string) (did progress, txn *todevice.Transaction, err error) {
	txn, err = q.store.NextTransaction(ctx, server, confirmed, maxEDUs, transactionBytes-envelopeBytes)
	if err != nil {
		return rest, nil, storageError{err}
	}
	if txn == nil {
		return rest, nil, nil
	}
	body, err := transactionBody(*txn, q.cfg.Name)
	if err != nil {
		return rest, nil, storageError{err}
	}
	if err := q.sender.SendTransaction(ctx, server, txn.ID, body); err != nil {
		did, err = q.refused(ctx, txn, err)
		return did, txn, err
	}
	return delivered, txn, nil
}

// recording gives a context for storing what has happened already.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
}

// transactionBody writes a transaction as it goes out, in canonical form, so that what
// is signed is what is sent. The same transaction yields the same bytes, so that a
// repetition is one.
//
// https://spec.matrix.org/v1.15/server-server-api/#put_matrixfederationv1sendtxnid
func transactionBody(txn todevice.Transaction, origin spec.ServerName) (json.RawMessage, error) {
	size := envelopeBytes
	for _, edu := range txn.EDUs {
		size += len(edu) + len(",")
	}
	body := append(make([]byte, 0, size), `{"edus":[`...)
	for i, edu := range txn.EDUs {
		canonical, err := canonicaljson.Canonical(edu)
		if err != nil {
			return nil, fmt.Errorf("write transaction %s: %w", txn.ID, err)
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, canonical...)
	}
	body = append(body, `],"origin":`...)
	body = todevice.AppendString(body, string(origin))
	body = append(body, `,"origin_server_ts":`...)
	body = strconv.AppendInt(body, txn.Created.UnixMilli(), 10)
	return append(body, `,"pdus":[]}`...), nil
}

// outcomeOf names what came of an attempt.
func outcomeOf(did progress, err error) string {
	var refused *remote.Refusal
	var storage storageError
	switch {
	case did == delivered:
		return outcomeDelivered
	case did == relieved, errors.As(err, &refused):
		return outcomeRefused
	case errors.As(err, &storage):
		return outcomeStorage
	default:
		return outcomeUnreachable
	}
}
