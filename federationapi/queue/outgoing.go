package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	// transactionBytes is about how many bytes of EDUs go into one transaction.
	transactionBytes = 1 << 20
	// recordTimeout is for storing what came of an attempt, which is done even if the
	// queue is being stopped.
	recordTimeout = 10 * time.Second
)

// A storageError is a fault of our own storage, and says nothing of a peer.
type storageError struct{ error }

// sendNext brings the next transaction to a server. It tells whether there was
// one; a storageError is a fault of ours, any other of the server's.
func (q *Queue) sendNext(ctx context.Context, server spec.ServerName) (sent bool, err error) {
	txn, err := q.store.NextTransaction(ctx, server, maxEDUs, transactionBytes)
	if err != nil {
		return false, storageError{err}
	}
	if txn == nil {
		return false, nil
	}
	body, err := transactionBody(*txn, q.cfg.Name)
	if err != nil {
		return false, storageError{err}
	}
	if err := q.sender.SendTransaction(ctx, server, txn.ID, body); err != nil {
		return false, err
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	if err := q.store.TransactionDone(ctx, server, txn.ID); err != nil {
		return false, storageError{err}
	}
	return true, nil
}

// recording gives a context for storing what has happened already.
func recording(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
}

// transactionBody writes a transaction as it goes out. The same transaction yields
// the same bytes, so that a repetition is one.
//
// https://spec.matrix.org/v1.15/server-server-api/#put_matrixfederationv1sendtxnid
func transactionBody(txn todevice.Transaction, origin spec.ServerName) (json.RawMessage, error) {
	body, err := json.Marshal(struct {
		EDUs    []json.RawMessage `json:"edus"`
		Origin  spec.ServerName   `json:"origin"`
		Created int64             `json:"origin_server_ts"`
		PDUs    []struct{}        `json:"pdus"`
	}{txn.EDUs, origin, txn.Created.UnixMilli(), []struct{}{}})
	if err == nil {
		body, err = canonicaljson.Encode(body)
	}
	if err != nil {
		return nil, fmt.Errorf("write transaction %s: %w", txn.ID, err)
	}
	return body, nil
}

// outcomeOf names what came of an attempt.
func outcomeOf(err error) string {
	var refused *remote.Refusal
	var storage storageError
	switch {
	case err == nil:
		return outcomeDelivered
	case errors.As(err, &refused):
		return outcomeRefused
	case errors.As(err, &storage):
		return outcomeStorage
	default:
		return outcomeUnreachable
	}
}
