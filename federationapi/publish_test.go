package federationapi_test

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"

	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/internal/canonicaljson"
)

func TestKeysArePublishedForTheStrictestReader(t *testing.T) {
	h := newHouse(t, options{})
	for _, path := range []string{"/_matrix/key/v2/server", "/_matrix/key/v2/server/", "/_matrix/key/v2/server/ed25519:here"} {
		t.Run(path, func(t *testing.T) {
			before := time.Now()
			w := h.request(http.MethodGet, path, "")
			expect(t, w, 200, "")
			raw := w.Body.Bytes()
			if canonical, err := canonicaljson.Encode(raw); err != nil || string(canonical) != string(raw) {
				t.Errorf("not canonical: %s", raw)
			}
			var got struct {
				ServerName    string                       `json:"server_name"`
				VerifyKeys    map[string]map[string]string `json:"verify_keys"`
				OldVerifyKeys map[string]any               `json:"old_verify_keys"`
				ValidUntilTS  int64                        `json:"valid_until_ts"`
				Signatures    map[string]map[string]string `json:"signatures"`
			}
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if got.ServerName != "here.test" || len(got.VerifyKeys) != 1 || got.OldVerifyKeys == nil || len(got.OldVerifyKeys) != 0 {
				t.Errorf("got %s", raw)
			}
			if len(got.Signatures) != 1 || len(got.Signatures["here.test"]) != 1 || strings.Contains(got.VerifyKeys["ed25519:here"]["key"], "=") {
				t.Errorf("got %s", raw)
			}
			valid := time.UnixMilli(got.ValidUntilTS).Sub(before)
			if valid < 24*time.Hour-time.Second || valid > 24*time.Hour+time.Minute {
				t.Errorf("valid for %v, want 24h", valid)
			}
			// Checked by another's code than the one that signed.
			public := remotetest.Key("here").Private.Public().(ed25519.PublicKey)
			if err := gomatrixserverlib.VerifyJSON("here.test", "ed25519:here", public, raw); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPathsAnswerAsTheSpecificationSays(t *testing.T) {
	h := newHouse(t, options{})
	w := h.request(http.MethodGet, "/_matrix/federation/v1/version", "")
	expect(t, w, 200, "")
	if got, want := w.Body.String(), `{"server":{"name":"Chappe","version":"1.2.3"}}`; got != want {
		t.Errorf("version: %s, want %s", got, want)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/_matrix/federation/v1/make_join/!r:a", 404},
		{http.MethodGet, "/_matrix/federation/", 404},
		{http.MethodPut, "/_matrix/federation/v1/send/", 404},
		{http.MethodPut, "/_matrix/federation/v1/send/a/b", 404},
		{http.MethodGet, "/_matrix/federation/v1/send/a", 405},
		{http.MethodPost, "/_matrix/federation/v1/send/a", 405},
		{http.MethodPut, "/_matrix/key/v2/server", 405},
		{http.MethodPut, "/_matrix/federation/v1/version", 405},
	} {
		expect(t, h.request(c.method, c.path, ""), c.status, "M_UNRECOGNIZED")
	}
}
