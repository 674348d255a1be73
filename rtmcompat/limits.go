package rtmcompat

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/chappe-im/chappe/internal/ratelimit"
)

// A call is an endpoint as its limit and the metrics know it.
type call string

// The calls that have a limit, each its own.
const (
	callPeerMessages    call = "peer_messages"
	callChannelMessages call = "channel_messages"
	callUserEvents      call = "user_events"
	callChannelEvents   call = "channel_events"
	callHistoryQuery    call = "history_query"
	callHistoryRead     call = "history_read"
	callHistoryCount    call = "history_count"
)

// Rates are how often in a second the programs and users of an app together may call:
// as many at once after a pause, and so many a second in the long run. 0: without limit.
type Rates struct {
	PeerMessages    int
	ChannelMessages int
	// Events is for the events of users, and as much again for those of channels.
	Events int
	// History is for queries, for reading their results, and for counting, each.
	History int
}

// of gives the rate of a call.
func (r Rates) of(c call) int {
	switch c {
	case callPeerMessages:
		return r.PeerMessages
	case callChannelMessages:
		return r.ChannelMessages
	case callUserEvents, callChannelEvents:
		return r.Events
	case callHistoryQuery, callHistoryRead, callHistoryCount:
		return r.History
	default:
		return 0
	}
}

// maxUses bounds what one limiter remembers: the calls of apps.
const maxUses = 100_000

// Limits hold apps to their rates. Nil limits nothing.
type Limits struct {
	mu sync.Mutex
	// byRate has a limiter for each rate that an app has. Guarded by mu.
	byRate  map[int]*ratelimit.Limiter[use]
	refused *prometheus.CounterVec
}

// A use is what is counted together.
type use struct {
	app  string
	call call
}

// NewLimits makes limits of which nothing is used up.
func NewLimits(registry prometheus.Registerer) *Limits {
	return &Limits{
		byRate: make(map[int]*ratelimit.Limiter[use]),
		refused: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "rtm_requests_limited_total",
			Help: "Requests to the RTM API that were refused for the rate of their app, by endpoint.",
		}, []string{"endpoint"}),
	}
}

// take is nil if the app may make the call now. What is refused is counted, but not
// against the app.
func (l *Limits) take(app App, c call) error {
	rate := app.Rates.of(c)
	if l == nil || rate == 0 {
		return nil
	}
	wait := l.limiter(rate).Take(use{app.ID, c}, 1, time.Now())
	if wait <= 0 {
		return nil
	}
	l.refused.WithLabelValues(string(c)).Inc()
	return rateLimited("the app makes this call too often", wait)
}

func (l *Limits) limiter(rate int) *ratelimit.Limiter[use] {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.byRate[rate]
	if limiter == nil {
		limiter = ratelimit.New[use](ratelimit.Limit{PerSecond: float64(rate), Burst: rate}, maxUses)
		l.byRate[rate] = limiter
	}
	return limiter
}
