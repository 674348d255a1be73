package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

// How often a transaction is refused for what is in it before it is changed.
const (
	// triesWhole is for 400, the cause of which may pass.
	triesWhole = 3
	// triesReduced is while it is being found out which EDU is to blame, or how much
	// the server takes.
	triesReduced = 1
	// triesAlone is for the EDU that is to blame, before it is given up.
	triesAlone = 2
)

// refused handles the error of an attempt. A transaction that the server refuses
// for what is in it is sent a few times more, then split, until the EDU to blame is
// alone. That is given up if the server takes a transaction without it. The error
// comes back where the server is to be left alone for a while.
func (q *Queue) refused(ctx context.Context, txn *todevice.Transaction, why error) (progress, error) {
	var refusal *remote.Refusal
	if !errors.As(why, &refusal) || refusal.Status != http.StatusBadRequest && refusal.Status != http.StatusRequestEntityTooLarge {
		return rest, why
	}
	log := q.log.WithFields(logrus.Fields{
		"server": string(txn.Destination), "txn_id": txn.ID, "edus": len(txn.EDUs), "reason": reasonFor(why),
	})
	exhausted := txn.Refusals+1 >= tries(txn, refusal)
	if exhausted && len(txn.EDUs) == 1 {
		if err := q.sendNothing(ctx, txn.Destination); err != nil {
			return rest, err // the fault is not the EDU's
		}
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	switch {
	case !exhausted:
		if err := q.store.TransactionRefused(ctx, txn.Destination, txn.ID); err != nil {
			return rest, storageError{err}
		}
		return rest, why
	case len(txn.EDUs) > 1:
		if err := q.store.SplitTransaction(ctx, txn.Destination, txn.ID, len(txn.EDUs)/2); err != nil {
			return rest, storageError{err}
		}
		if !txn.Reduced { // once, not at each size that is tried
			log.Info("transaction refused; trying the half of it")
		}
	default:
		if err := q.store.GiveUpTransaction(ctx, txn.Destination, txn.ID, reasonFor(why)); err != nil {
			return rest, storageError{err}
		}
		q.metrics.deadLetters.Inc()
		log.Warn("EDU refused for good; kept as a dead letter")
	}
	return relieved, nil
}

// sendNothing brings an empty transaction to a server. One that refuses that, too,
// refuses everything: it, or what stands before it, is out of order.
func (q *Queue) sendNothing(ctx context.Context, server spec.ServerName) error {
	now := time.Now()
	id := fmt.Sprintf("%d-%s", now.UnixMilli(), rand.Text())
	body, err := transactionBody(todevice.Transaction{ID: id, Created: now, EDUs: []json.RawMessage{}}, q.cfg.Name)
	if err != nil {
		return err
	}
	return q.sender.SendTransaction(ctx, server, id, body)
}

// tries gives how often this transaction may be refused.
func tries(txn *todevice.Transaction, refusal *remote.Refusal) int {
	switch {
	case !txn.Reduced && refusal.Status == http.StatusBadRequest:
		return triesWhole
	case len(txn.EDUs) > 1:
		return triesReduced
	default:
		return triesAlone
	}
}
