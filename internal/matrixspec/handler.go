package matrixspec

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Checked is the handler, and fails the test at an answer that the specification does
// not have for its endpoint. Only answers of the Matrix APIs are looked at.
func Checked(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	spec, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		answer := Answer{
			Method: r.Method, Path: r.URL.EscapedPath(), Status: recorder.Code,
			ContentType: recorder.Header().Get("Content-Type"), Body: recorder.Body.Bytes(),
		}
		if strings.HasPrefix(answer.Path, "/_matrix/") {
			if err := spec.Check(answer); err != nil {
				t.Errorf("%s %.200s: %d is not as specified: %v\n%.1000s", answer.Method, answer.Path, answer.Status, err, answer.Body)
			}
		}
		for name, values := range recorder.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(answer.Body)
	})
}
