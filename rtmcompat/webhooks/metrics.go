package webhooks

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	attempts *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rtm_webhook_attempts_total",
			Help: "Requests to webhooks, by outcome: delivered, failed or gone.",
		}, []string{"outcome"}),
	}
	registry.MustRegister(m.attempts)
	return m
}
