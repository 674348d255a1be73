package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/todevice"
)

// What is recorded while the server runs comes to the webhook of the configuration, and
// to those who read events.
func TestEventsComeFromTheStoreToWebhooksAndReaders(t *testing.T) {
	bodies := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies <- string(body)
	}))
	defer receiver.Close()
	app := strings.Repeat("a", 32)
	configured := func(c *config.Config) {
		c.RTM.AllowPrivateAddresses = true
		c.RTM.Apps = []config.RTMApp{{
			ID: app, Certificate: app, Keys: []config.RTMKey{{Key: "k", Secret: "s"}},
			Webhooks: []config.RTMWebhook{{URL: receiver.URL, Secret: "0123456789abcdef", Events: []string{"join"}}},
		}}
	}
	r := run(t, "", configured)
	record := func(user string) {
		err := r.server.store.RecordRTMEvents(context.Background(),
			todevice.RTMEvent{App: app, Type: todevice.RTMJoin, User: user, Channel: "c"},
			todevice.RTMEvent{App: app, Type: todevice.RTMLogin, User: user})
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(query string) string {
		request, err := http.NewRequest(http.MethodGet, r.url+"/dev/v2/project/"+app+"/rtm/vendor/channel_events"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("k", "s")
		response, err := r.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	record("ann")
	if got := read("?after=&wait=60"); !strings.Contains(got, `"user_id":"ann"`) || strings.Contains(got, "Login") {
		t.Errorf("read %s", got)
	}
	record("bob")
	for _, user := range []string{"ann", "bob"} {
		if got := <-bodies; !strings.Contains(got, `"type":"join","user_id":"`+user+`","channel_id":"c"`) {
			t.Errorf("the webhook was told %s, want the join of %s", got, user)
		}
	}
}
