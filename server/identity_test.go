package server

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi/signing"
)

// front is what answers under the name of the servers of a test, which is its
// address.
func front(t *testing.T) (name spec.ServerName, answer *http.Handler) {
	t.Helper()
	answer = new(http.Handler)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answer).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	return spec.ServerName(server.Listener.Addr().String()), answer
}

func TestAnotherServerUnderOurNameIsNoticed(t *testing.T) {
	name, answer := front(t)
	named := func(cfg *config.Config) {
		cfg.ServerName = name
		cfg.Federation.VerifyCertificates, cfg.Federation.AllowPrivateAddresses = false, true
	}
	here, other := run(t, "", named, func(cfg *config.Config) { cfg.Metrics.Listen = "127.0.0.1:0" }), run(t, "", named)
	here.url = "http://" + here.server.addr("metrics")
	text := func(body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	}
	log, hook := test.NewNullLogger()
	here.server.ownName.log = logrus.NewEntry(log)
	for _, c := range []struct {
		name     string
		answer   http.Handler
		mismatch string
		words    string
	}{
		{"this server", here.server.FederationHandler(), "0", ""},
		{"another server", other.server.FederationHandler(), "1", "does not have our key"},
		{"this server again", here.server.FederationHandler(), "0", ""},
		{"a web site", text("<html>"), "1", "not a key object"},
		{"nobody: it proves nothing", http.NotFoundHandler(), "1", ""},
		{"a server of another name", text(`{"server_name":"x.test"}`), "1", "for another name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hook.Reset()
			*answer = c.answer
			here.server.ownName.check(t.Context())
			_, metrics := here.do("GET", "/metrics", "", "")
			if text, _ := metrics["text"].(string); !strings.Contains(text, "\nfederation_own_name_mismatch "+c.mismatch+"\n") {
				t.Errorf("federation_own_name_mismatch is not %s in\n%s", c.mismatch, text)
			}
			said := ""
			for _, entry := range hook.AllEntries() {
				if entry.Level == logrus.ErrorLevel {
					line, _ := entry.String()
					said += line
				}
			}
			if (said != "") != (c.words != "") || !strings.Contains(said, c.words) {
				t.Errorf("the log says %q, want %q", said, c.words)
			}
		})
	}
}

func TestAnotherKeyUnderTheSameIDIsAnotherServer(t *testing.T) {
	key := signing.Key{ID: "ed25519:1", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	object := func(public string) []byte {
		return []byte(`{"server_name":"here.test","verify_keys":{"ed25519:1":{"key":"` + public + `"}}}`)
	}
	if err := checkOwnKeys(object(spec.Base64Bytes(key.Public()).Encode()), "here.test", key); err != nil {
		t.Errorf("our own key: %v", err)
	}
	for _, public := range []string{spec.Base64Bytes(make([]byte, ed25519.PublicKeySize)).Encode(), ""} {
		if err := checkOwnKeys(object(public), "here.test", key); err == nil || !strings.Contains(err.Error(), "is another") {
			t.Errorf("%q: %v", public, err)
		}
	}
}

func TestOwnNameIsLookedAtAMinuteAfterTheStartAndEverySixHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := test.NewNullLogger()
		began := time.Now()
		var asked []time.Duration
		o := newOwnName("here.test", signing.Key{}, func(context.Context) ([]byte, error) {
			asked = append(asked, time.Since(began))
			return nil, context.DeadlineExceeded
		}, logrus.NewEntry(log), prometheus.NewRegistry())
		ctx, stop := context.WithTimeout(t.Context(), 13*time.Hour)
		defer stop()
		if err := o.watch(ctx); err != nil {
			t.Error(err)
		}
		if len(asked) != 3 || asked[0] != time.Minute || asked[1] != time.Minute+6*time.Hour {
			t.Errorf("asked after %v", asked)
		}
	})
}
