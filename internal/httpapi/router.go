// Package httpapi is what the doors share of HTTP: the adapter that makes a
// handler of two plain functions, Matrix errors, authentication, body limits and
// the router with its answers for unknown paths.
package httpapi

import (
	"net/http"
	"runtime/debug"

	"github.com/gorilla/mux"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"
)

// NewRouter gives a router that matches the path as it was sent, still
// percent-encoded, and that answers what it does not know with M_UNRECOGNIZED:
// 404 for a path, 405 for a method.
func NewRouter() *mux.Router {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	router.NotFoundHandler = unrecognized(http.StatusNotFound)
	router.MethodNotAllowedHandler = unrecognized(http.StatusMethodNotAllowed)
	return router
}

func unrecognized(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, status, spec.Unrecognized("Unrecognized request: "+http.StatusText(status)))
	})
}

// Recover turns a panic of a handler into a 500, so that it ends one request and
// not the connection, and leaves its stack in the log.
func Recover(log *logrus.Entry, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler {
				panic(fault)
			}
			log.WithField("stack", string(debug.Stack())).Errorf("panic: %v", fault)
			writeJSON(w, http.StatusInternalServerError, spec.Unknown("Internal server error"))
		}()
		next.ServeHTTP(w, r)
	})
}
