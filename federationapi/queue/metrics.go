package queue

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The outcomes of trying to send a transaction.
const (
	outcomeDelivered   = "delivered"
	outcomeRefused     = "refused"
	outcomeUnreachable = "unreachable"
	outcomeStorage     = "storage_fault"
)

func newAttemptsCounter(registry prometheus.Registerer) *prometheus.CounterVec {
	return promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
		Name: "federation_transactions_sent_total",
		Help: "Attempts to send a transaction to another server, by outcome.",
	}, []string{"outcome"})
}
