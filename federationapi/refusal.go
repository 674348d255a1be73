package federationapi

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// The reasons for which a request is refused before it is looked into.
const (
	missingHeader    reason = "missing_header"
	malformedHeader  reason = "malformed_header"
	wrongDestination reason = "wrong_destination"
	badOrigin        reason = "bad_origin"
	differentOrigins reason = "different_origins"
	ownName          reason = "own_name"
	deniedOrigin     reason = "denied"
	unknownKey       reason = "unknown_key"
	expiredKey       reason = "expired_key"
	oldKey           reason = "old_key"
	busyWithKeys     reason = "key_fetches"
	badBody          reason = "bad_body"
	wrongSignature   reason = "wrong_signature"
	foreignBody      reason = "foreign_body"
	tooManyRequests  reason = "limited"
	tooManyQueries   reason = "key_queries"
	tooManyTxns      reason = "transactions_waiting"
)

// A refusal is why a server's request is refused, and what the server is told.
type refusal struct {
	why    reason
	answer *httpapi.Error
}

func (r *refusal) Error() string { return string(r.why) + ": " + r.answer.Error() }

func (r *refusal) Unwrap() error { return r.answer }

// refusals counts refused requests.
type refusals struct{ total *prometheus.CounterVec }

// count counts an error if it is a refusal.
func (m refusals) count(err error) {
	var r *refusal
	if errors.As(err, &r) {
		m.total.WithLabelValues(string(r.why)).Inc()
	}
}
