package httpapi

import (
	"net/http"
	"strings"
)

// CORS lets web pages of any origin use the paths meant for clients, errors
// included, and answers every OPTIONS request.
//
// https://spec.matrix.org/v1.15/client-server-api/#web-browser-clients
func CORS(next http.Handler) http.Handler {
	matrix := map[string][]string{
		"Access-Control-Allow-Origin":  {"*"},
		"Access-Control-Allow-Methods": {"GET, POST, PUT, DELETE, OPTIONS"},
		"Access-Control-Allow-Headers": {"X-Requested-With, Content-Type, Authorization"},
	}
	// A page has tokens, for which there are headers; it need not ask before each message.
	rtm := map[string][]string{
		"Access-Control-Allow-Origin":   {"*"},
		"Access-Control-Allow-Methods":  {"GET, POST, OPTIONS"},
		"Access-Control-Allow-Headers":  {"Content-Type, Authorization, X-Ar-Token, X-Ar-Uid, X-Agora-Token, X-Agora-Uid, Idempotency-Key"},
		"Access-Control-Expose-Headers": {"X-Request-ID, Retry-After"},
		"Access-Control-Max-Age":        {"7200"}, // seconds; the most that Chromium takes
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed map[string][]string
		switch {
		case forMatrixPages(r.URL.Path):
			allowed = matrix
		case forRTMPages(r.URL.Path):
			allowed = rtm
		}
		header := w.Header()
		for name, value := range allowed {
			header[name] = value
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func forMatrixPages(path string) bool {
	return strings.HasPrefix(path, "/_matrix/client") ||
		strings.HasPrefix(path, "/_matrix/media") ||
		strings.HasPrefix(path, "/.well-known/matrix/")
}

func forRTMPages(path string) bool {
	return strings.HasPrefix(path, "/dev/v2/") || path == "/rtm/openapi.json"
}
