package webhooks

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/publicnet"
	"github.com/chappe-im/chappe/todevice"
)

// The vector is that of the libraries for https://www.standardwebhooks.com.
func TestSignaturesAreThoseOfStandardWebhooks(t *testing.T) {
	key, err := Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature is %s, want %s", got, want)
	}
}

func TestASecretIsAKeyAsItStandsOrBase64(t *testing.T) {
	for _, c := range []struct{ secret, key string }{
		{"0123456789abcdef", "0123456789abcdef"}, {"whsec_MDEyMzQ1Njc4OWFiY2RlZg==", "0123456789abcdef"},
		{"0123456789abcde", ""}, {"whsec_MDEyMzQ1Njc4OWFiY2Rl", ""}, {"whsec_0123456789abcdef!", ""}, {"", ""},
	} {
		if key, err := Key(c.secret); string(key) != c.key || (err == nil) != (c.key != "") {
			t.Errorf("%q: %q, %v, want %q", c.secret, key, err, c.key)
		}
	}
}

// post sends one event to a handler, over a real socket.
func post(t *testing.T, cfg Config, handler http.HandlerFunc) error {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	cfg.Hooks = []Hook{{App: app, URL: server.URL, Secret: secret}}
	d := newDeliverer(t, cfg, nil, new(bytes.Buffer))
	defer d.transport.CloseIdleConnections()
	return d.post(t.Context(), d.hooks[0], todevice.RTMWebhookEvent{ID: "id", Number: 1, RTMEvent: todevice.RTMEvent{App: app, Type: todevice.RTMLogin, User: "u"}})
}

func TestARequestIsSignedOverIDTimeAndBody(t *testing.T) {
	now := time.Unix(1700000000, 0)
	r := &receiver{t: t}
	err := post(t, Config{AllowPrivateAddresses: true, Now: func() time.Time { return now }}, r.ServeHTTP)
	if err != nil || len(r.got) != 1 {
		t.Fatalf("%d requests, %v", len(r.got), err)
	}
	got := r.got[0]
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("id." + strconv.FormatInt(now.Unix(), 10) + "." + string(got.body)))
	want := http.Header{
		"Webhook-Id": {"id"}, "Webhook-Timestamp": {"1700000000"}, "Content-Type": {"application/json"},
		"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	for name := range want {
		if got.header.Get(name) != want.Get(name) {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want.Get(name))
		}
	}
}

func TestARedirectIsAFailureAndNotFollowed(t *testing.T) {
	requests := 0
	err := post(t, Config{AllowPrivateAddresses: true}, func(w http.ResponseWriter, r *http.Request) {
		requests++
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if err == nil || err.Error() != "HTTP 307" || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

func TestPrivateAddressesAreRefusedUnlessAllowed(t *testing.T) {
	requests := 0
	err := post(t, Config{}, func(http.ResponseWriter, *http.Request) { requests++ })
	if !errors.Is(err, publicnet.ErrPrivateAddress) || requests > 0 {
		t.Errorf("%d requests, %v", requests, err)
	}
}
