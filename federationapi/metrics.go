package federationapi

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// serverMetrics counts what is refused, and what is dropped of the transactions that
// are not.
type serverMetrics struct {
	refused         refusals
	droppedEDUs     *prometheus.CounterVec
	droppedMessages *prometheus.CounterVec
}

func newServerMetrics(registry prometheus.Registerer) serverMetrics {
	auto := promauto.With(registry)
	return serverMetrics{
		refused: refusals{auto.NewCounterVec(prometheus.CounterOpts{
			Name: "federation_requests_refused_total",
			Help: "Requests of other servers that were refused, by reason.",
		}, []string{"reason"})},
		droppedEDUs: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "federation_edus_dropped_total",
			Help: "EDUs of other servers that were dropped, by reason.",
		}, []string{"reason"}),
		droppedMessages: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "federation_messages_dropped_total",
			Help: "Recipients left out of EDUs of other servers, by reason.",
		}, []string{"reason"}),
	}
}

func (m serverMetrics) count(r reader) {
	for _, why := range r.droppedEDUs {
		m.droppedEDUs.WithLabelValues(string(why)).Inc()
	}
	for _, why := range r.droppedMessages {
		m.droppedMessages.WithLabelValues(string(why)).Inc()
	}
}
