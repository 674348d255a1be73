package rtmcompat

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// FuzzReadPeerMessage: whatever strangers write is read within the limits, or
// refused as their own mistake.
func FuzzReadPeerMessage(f *testing.F) {
	f.Add("alice", "wait_for_ack=true", "application/json", `{"destination":"bob","payload":"hi"}`)
	f.Add("%2E%2E", "", "", `{"destination":"@bob:example.org","payload":"hi","enable_offline_messaging":true}`)
	f.Add("a%zz", "wait_for_ack=1", "text/plain", `{"payload":"\ud800"}`)
	f.Add("alice", "", "", `{"destination":"bob","payload":"x","enable_historical_messaging":"true"}`)
	f.Fuzz(func(t *testing.T, user, query, contentType, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header["Content-Type"] = []string{contentType}
		m, err := readPeerMessage(mux.SetURLVars(r, map[string]string{"userId": user}))
		if err != nil {
			var why *refusal
			if !errors.As(err, &why) || why.status/100 != 4 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		_, full := matrixID(m.destination)
		if !validUID(m.from) || strings.TrimSpace(m.from) != m.from || !full && !validUID(m.destination) {
			t.Errorf("accepted from %q to %q", m.from, m.destination)
		}
		if len(m.payload) < 1 || len(m.payload) > maxPayload {
			t.Errorf("accepted a payload of %d bytes", len(m.payload))
		}
	})
}
