// Package limits bounds what clients may do in a time. What is over a limit is refused
// before anything is done, with the time to wait; /sync is under none.
package limits

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/ratelimit"
	"github.com/chappe-im/chappe/todevice"
)

// An Endpoint is what is limited, as it is called in the metrics.
type Endpoint string

// The endpoints that have a limit.
const (
	Login Endpoint = "login"
	// Register is registration with all that belongs to it.
	Register     Endpoint = "register"
	Availability Endpoint = "register_available"
	SharedSecret Endpoint = "shared_secret"
	// Password is the giving of the own password for a single operation.
	Password     Endpoint = "password"
	SendToDevice Endpoint = "send_to_device"
	ClaimKeys    Endpoint = "keys_claim"
)

// maxKeys bounds the addresses, or the users, that one limit remembers.
const maxKeys = 100_000

// Config has what the operator decides.
type Config struct {
	// SendsPerSecond and SendBurst are for the requests of one user that send messages.
	SendsPerSecond, SendBurst int
}

// Limits are those of one server. Nil limits nothing.
type Limits struct {
	byAddress map[Endpoint]*ratelimit.Limiter[httpapi.Subscriber]
	passwords *ratelimit.Limiter[Guess]
	sends     *ratelimit.Limiter[todevice.UserID]
	claims    *ratelimit.Limiter[todevice.UserID]
	refused   *prometheus.CounterVec
}

// New makes limits of which nothing is used up.
func New(cfg Config, registry prometheus.Registerer) *Limits {
	address := func(perSecond float64, burst int) *ratelimit.Limiter[httpapi.Subscriber] {
		return ratelimit.New[httpapi.Subscriber](ratelimit.Limit{PerSecond: perSecond, Burst: burst}, maxKeys)
	}
	return &Limits{
		byAddress: map[Endpoint]*ratelimit.Limiter[httpapi.Subscriber]{
			// The clients of a whole office may have one address.
			Login: address(1, 60),
			// A registration takes at least two requests, but for clients that know how.
			Register:     address(0.2, 20),
			Availability: address(1, 30),
			// Two requests for each account. The secret is not guessed in any number.
			SharedSecret: address(10, 200),
		},
		passwords: newGuesses(),
		sends: ratelimit.New[todevice.UserID](
			ratelimit.Limit{PerSecond: float64(cfg.SendsPerSecond), Burst: cfg.SendBurst}, maxKeys),
		// In keys: one for each device that is to be written to for the first time.
		claims: ratelimit.New[todevice.UserID](ratelimit.Limit{PerSecond: 50, Burst: 5000}, maxKeys),
		refused: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "client_requests_limited_total",
			Help: "Requests of clients that were refused for their rate, by endpoint and by whose rate it was: of the address, the account or the user.",
		}, []string{"endpoint", "reason"}),
	}
}

// ByAddress holds the requests of each address to the limit of an endpoint, before
// anything of them is read.
func (l *Limits) ByAddress(e Endpoint, log *logrus.Entry, next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	limiter := l.byAddress[e]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait := limiter.Take(httpapi.SubscriberOf(httpapi.ClientAddress(r)), 1, time.Now())
		if err := l.check(wait, e, "address"); err != nil {
			httpapi.WriteError(w, log, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Send is nil if a user may send once more.
func (l *Limits) Send(user todevice.UserID) error {
	if l == nil {
		return nil
	}
	return l.check(l.sends.Take(user, 1, time.Now()), SendToDevice, "user")
}

// Claim is nil if a user may claim so many keys more: each one that is claimed is gone
// for all others.
func (l *Limits) Claim(user todevice.UserID, keys int) error {
	if l == nil {
		return nil
	}
	return l.check(l.claims.Take(user, max(keys, 1), time.Now()), ClaimKeys, "user")
}

// check refuses, and counts, where there is a time to wait.
func (l *Limits) check(wait time.Duration, e Endpoint, reason string) error {
	if wait <= 0 {
		return nil
	}
	l.refused.WithLabelValues(string(e), reason).Inc()
	return httpapi.LimitExceeded("Too many requests", max(wait, time.Millisecond))
}
