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

type metrics struct {
	attempts    *prometheus.CounterVec
	deadLetters prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) metrics {
	return metrics{
		attempts: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "federation_transactions_sent_total",
			Help: "Attempts to send a transaction to another server, by outcome.",
		}, []string{"outcome"}),
		deadLetters: promauto.With(registry).NewCounter(prometheus.CounterOpts{
			Name: "federation_dead_letters_total",
			Help: "EDUs given up because another server refuses them.",
		}),
	}
}
