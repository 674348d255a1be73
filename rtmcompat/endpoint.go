package rtmcompat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// endpoint makes a handler of its two parts, as httpapi.Endpoint does, for callers
// that hold credentials of the app in the path, and within the app's rate of the call.
// Both are checked before anything else of the request is looked at: first the
// credentials, so that no stranger can use up what an app may do.
func endpoint[Query, Answer any](
	s *Server,
	limited call,
	read func(*http.Request) (Query, error),
	do func(context.Context, caller, Query) (Answer, error),
) http.Handler {
	return authenticated(s, limited, s.authenticate, read, do)
}

// userEndpoint is endpoint where a token of any user of the app is let in: do must ask
// what the user may do.
func userEndpoint[Query, Answer any](
	s *Server,
	limited call,
	read func(*http.Request) (Query, error),
	do func(context.Context, caller, Query) (Answer, error),
) http.Handler {
	return authenticated(s, limited, s.authenticateAnyUser, read, do)
}

func authenticated[Query, Answer any](
	s *Server,
	limited call,
	authenticate func(*http.Request) (caller, error),
	read func(*http.Request) (Query, error),
	do func(context.Context, caller, Query) (Answer, error),
) http.Handler {
	return s.identified(func(w http.ResponseWriter, r *http.Request, requestID string) {
		c, err := authenticate(r)
		c.requestID = requestID
		if err != nil {
			s.logRefusal(requestID, err)
			w.Header().Set("WWW-Authenticate", `Basic realm="RTM", charset="UTF-8"`)
			s.fail(w, requestID, err)
			return
		}
		if err := s.limits.take(c.app, limited); err != nil {
			s.fail(w, requestID, err)
			return
		}
		identifiedRead := func(r *http.Request) (Query, error) {
			query, err := read(r)
			return query, failure(requestID, err)
		}
		identifiedDo := func(ctx context.Context, query Query) (Answer, error) {
			answer, err := do(ctx, c, query)
			if named, ok := any(answer).(interface{ answerID() string }); ok && err == nil {
				w.Header().Set("X-Request-ID", named.answerID())
			}
			return answer, failure(requestID, err)
		}
		httpapi.Endpoint(s.log.WithField("request_id", requestID), identifiedRead, identifiedDo).ServeHTTP(w, r)
	})
}

// identified gives a request its ID, and tells it in the header even where the
// handler panics.
func (s *Server) identified(handle func(w http.ResponseWriter, r *http.Request, requestID string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestID := rand.Text() // 130 random bits
		w.Header().Set("X-Request-ID", requestID)
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler {
				panic(fault)
			}
			s.fail(w, requestID, fmt.Errorf("panic: %v\n%s", fault, debug.Stack()))
		}()
		handle(w, r, requestID)
	})
}

func (s *Server) fail(w http.ResponseWriter, requestID string, err error) {
	httpapi.WriteError(w, s.log.WithField("request_id", requestID), failure(requestID, err))
}

// logRefusal tells why credentials were not taken. Strangers can have this happen as
// often as they like, so it is told at debug level.
func (s *Server) logRefusal(requestID string, err error) {
	var why *refusal
	if errors.As(err, &why) && why.reason != nil {
		s.log.WithError(why.reason).WithField("request_id", requestID).Debug("credentials refused")
	}
}

func (s *Server) unknownPath() http.Handler {
	return s.identified(func(w http.ResponseWriter, _ *http.Request, requestID string) {
		s.fail(w, requestID, &refusal{status: http.StatusNotFound, code: codeNotFound, message: "there is no such path"})
	})
}

func (s *Server) wrongMethod(allowed string) http.Handler {
	return s.identified(func(w http.ResponseWriter, _ *http.Request, requestID string) {
		w.Header().Set("Allow", allowed)
		s.fail(w, requestID, &refusal{
			status: http.StatusMethodNotAllowed, code: codeMethodNotAllowed, message: "this path takes " + allowed + " only",
		})
	})
}
