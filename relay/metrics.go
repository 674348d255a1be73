package relay

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/todevice"
)

type metrics struct {
	batches *prometheus.CounterVec
	// new and repeated are those of batches.
	new, repeated prometheus.Counter
	messages      prometheus.Counter
	skipped       *prometheus.CounterVec
	refused       *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todevice_batches_total",
			Help: "Requests that were accepted, by outcome: new or repeated.",
		}, []string{"outcome"}),
		messages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "todevice_accepted_total",
			Help: "Messages placed in inboxes of local devices.",
		}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todevice_skipped_total",
			Help: "Entries of accepted requests that were left out, by reason.",
		}, []string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "todevice_refused_total",
			Help: "Requests that were refused whole, by reason.",
		}, []string{"reason"}),
	}
	m.new, m.repeated = m.batches.WithLabelValues("new"), m.batches.WithLabelValues("repeated")
	registry.MustRegister(m.batches, m.messages, m.skipped, m.refused)
	return m
}

func (m metrics) count(accepted todevice.Accepted) {
	if accepted.Repeated {
		m.repeated.Inc()
	} else {
		m.new.Inc()
	}
	m.messages.Add(float64(len(accepted.Deliveries)))
	if accepted.Skipped == (todevice.Skipped{}) {
		return // finding a counter by its label costs more than all before
	}
	m.skipped.WithLabelValues("unknown_device").Add(float64(accepted.Skipped.UnknownDevices))
	m.skipped.WithLabelValues("repeated_message").Add(float64(accepted.Skipped.RepeatedMessages))
	m.skipped.WithLabelValues("full_inbox").Add(float64(accepted.Skipped.FullInboxes))
	m.skipped.WithLabelValues("denied_server").Add(float64(accepted.Skipped.DeniedServers))
}

// countRefusal counts a batch that was not accepted, if that is the batch's fault.
func (m metrics) countRefusal(err error) {
	for _, refusal := range []struct {
		is     error
		reason string
	}{
		{todevice.ErrInboxFull, "full_inbox"},
		{todevice.ErrContentTooLarge, "content_too_large"},
		{todevice.ErrContentNotCanonical, "content_not_canonical"},
		{todevice.ErrUnknownDevice, "unknown_sender"},
	} {
		if errors.Is(err, refusal.is) {
			m.refused.WithLabelValues(refusal.reason).Inc()
			return
		}
	}
}
