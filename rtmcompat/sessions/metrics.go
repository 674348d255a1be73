package sessions

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	connections prometheus.Gauge
	sessions    prometheus.Gauge
	ended       *prometheus.CounterVec
	logins      *prometheus.CounterVec
	skipped     prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rtm_connections", Help: "WebSockets that are open.",
		}),
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rtm_sessions", Help: "Sessions that stand, also those whose connection has just broken.",
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rtm_connections_ended_total", Help: "Connections that ended, by reason.",
		}, []string{"reason"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rtm_logins_total", Help: "What clients were answered that asked for a session, by outcome.",
		}, []string{"outcome"}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rtm_skipped_total", Help: "Events for sessions that mean nothing to their clients.",
		}),
	}
	registry.MustRegister(m.connections, m.sessions, m.ended, m.logins, m.skipped)
	return m
}
