package httpapi

import (
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
)

// AccessLog writes a line for each request at debug level: method, path, status
// and time. The query is left out, as it may hold an access token.
func AccessLog(log *logrus.Entry, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !log.Logger.IsLevelEnabled(logrus.DebugLevel) {
			next.ServeHTTP(w, r)
			return
		}
		begun := time.Now()
		recorder := statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(&recorder, r)
		log.WithFields(logrus.Fields{
			"method": r.Method,
			"path":   r.URL.EscapedPath(),
			"status": recorder.status,
			"took":   time.Since(begun),
		}).Debug("request")
	})
}

// A statusRecorder remembers the status that was written.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
