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
	matrix := []headerLine{
		{"Access-Control-Allow-Origin", []string{"*"}},
		{"Access-Control-Allow-Methods", []string{"GET, POST, PUT, DELETE, OPTIONS"}},
		{"Access-Control-Allow-Headers", []string{"X-Requested-With, Content-Type, Authorization"}},
	}
	// A page has tokens, for which there are headers; it need not ask before each message.
	rtm := []headerLine{
		{"Access-Control-Allow-Origin", []string{"*"}},
		{"Access-Control-Allow-Methods", []string{"GET, POST, OPTIONS"}},
		{"Access-Control-Allow-Headers", []string{"Content-Type, Authorization, X-Ar-Token, X-Ar-Uid, X-Agora-Token, X-Agora-Uid, Idempotency-Key"}},
		{"Access-Control-Expose-Headers", []string{"X-Request-ID, Retry-After"}},
		{"Access-Control-Max-Age", []string{"7200"}}, // seconds; the most that Chromium takes
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []headerLine
		switch {
		case forMatrixPages(r.URL.Path):
			allowed = matrix
		case forRTMPages(r.URL.Path):
			allowed = rtm
		}
		header := w.Header()
		for _, line := range allowed {
			header[line.name] = line.value
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A headerLine is one of an answer's, its name in the canonical form.
type headerLine struct {
	name  string
	value []string
}

func forMatrixPages(path string) bool {
	return strings.HasPrefix(path, "/_matrix/client") ||
		strings.HasPrefix(path, "/_matrix/media") ||
		strings.HasPrefix(path, "/.well-known/matrix/")
}

func forRTMPages(path string) bool {
	return strings.HasPrefix(path, "/dev/v2/") || path == "/rtm/openapi.json"
}
