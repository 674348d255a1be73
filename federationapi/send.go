package federationapi

import (
	"context"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// send: PUT /_matrix/federation/v1/send/{txnId}
//
// The whole transaction is one batch: it is durable when it is answered, and a
// repetition of it changes nothing. Only a fault of our own is answered with
// anything but 200, since the origin would leave us alone for it for a long time; and
// that the origin sends many at once, which no server does that keeps to the rule.
//
// https://spec.matrix.org/v1.15/server-server-api/#put_matrixfederationv1sendtxnid
func (s *Server) send(ctx context.Context, origin spec.ServerName, txn transaction) (sendAnswer, error) {
	if txn.origin != "" && txn.origin != origin {
		return sendAnswer{}, &refusal{foreignBody, httpapi.Forbidden("The transaction is of another server than the one that signed it")}
	}
	if err := s.turns.take(ctx, origin, txn.bytes); err != nil {
		return sendAnswer{}, err
	}
	defer s.turns.done(origin)
	r := reader{origin: origin, local: s.cfg.Name}
	r.read(txn.edus)
	accepted, err := s.relay.Send(ctx, todevice.Batch{
		Source: todevice.Source{Origin: origin, TxnID: txn.id},
		Sends:  r.sends, DeviceLists: r.devices, SigningKeys: r.signingKeys,
	})
	if err != nil {
		return sendAnswer{}, fmt.Errorf("accept a transaction: %w", err)
	}
	if accepted.StaleDeviceLists {
		s.lists.Stale(origin)
	}
	if !accepted.Repeated {
		s.metrics.count(r)
	}
	return answerTo(txn.pdus), nil
}
