package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// What one device changes of what its user keeps here ends the poll of another.
func TestChangeOfWhatAUserKeepsEndsTheirPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWhole(t, "")
		token := w.user("alice")
		do := func(method, path, body string, into any) {
			request := httptest.NewRequestWithContext(t.Context(), method, "/_matrix/client/v3/"+path, strings.NewReader(body))
			request.Header.Set("Authorization", "Bearer "+token)
			recorder := httptest.NewRecorder()
			w.handler("client").ServeHTTP(recorder, request)
			if err := json.Unmarshal(recorder.Body.Bytes(), into); err != nil || recorder.Code != http.StatusOK {
				t.Errorf("%s %s: %d %s (%v)", method, path, recorder.Code, recorder.Body, err)
			}
		}
		// A sync says how present its user is, too: always the same, so that it is no news.
		poll := func(parameters string) (next string, types []string) {
			var answer struct {
				NextBatch   string `json:"next_batch"`
				AccountData events `json:"account_data"`
				Presence    events `json:"presence"`
			}
			do("GET", "sync?set_presence=offline"+parameters, "", &answer)
			for _, event := range slices.Concat(answer.AccountData.Events, answer.Presence.Events) {
				types = append(types, event.Type)
			}
			return answer.NextBatch, types
		}
		since, _ := poll("")
		for _, change := range []struct{ path, body, told string }{
			{"user/@alice:here.test/account_data/m.x", `{"n":1}`, "m.x"},
			{"pushrules/global/override/.m.rule.master/enabled", `{"enabled":true}`, "m.push_rules"},
			{"presence/@alice:here.test/status", `{"presence":"unavailable"}`, "m.presence"},
		} {
			told := make(chan []string)
			go func() {
				next, types := poll("&timeout=30000&since=" + since)
				since = next
				told <- types
			}()
			synctest.Wait() // it waits
			do("PUT", change.path, change.body, new(struct{}))
			if types := <-told; !slices.Equal(types, []string{change.told}) {
				t.Errorf("%s: told %q", change.path, types)
			}
		}
	})
}

// events is a list of events in a sync.
type events struct {
	Events []struct{ Type string }
}
