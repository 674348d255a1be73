package federationapi

import (
	"net/http"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
)

const (
	// requestRate and requestBurst bound the signed requests of one origin, in a
	// second and at once. A server that queues properly has one transaction of a
	// hundred EDUs at work and stays far below. An origin is counted by what it has
	// signed: otherwise anybody could use up what is another's.
	requestRate  = 200
	requestBurst = 400
	// queryRate and queryBurst bound what one address asks of the notary, which is not
	// signed. Servers ask once for each other server, and remember the answer for hours.
	queryRate  = 10
	queryBurst = 100
	// maxRates bounds the origins, and the addresses, that are remembered.
	maxRates = 10_000
)

// limitQueries holds each address to its rate, before anything of its request is
// read.
func (s *Server) limitQueries(next http.Handler) http.Handler {
	if s.queries == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := s.queries.Take(httpapi.SubscriberOf(httpapi.ClientAddress(r)), 1, s.auth.now()); wait > 0 {
			err := &refusal{tooManyQueries, httpapi.LimitExceeded("Too many key queries", max(wait, time.Millisecond))}
			s.metrics.refused.count(err)
			httpapi.WriteError(w, s.log, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
