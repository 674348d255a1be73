package server

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
)

func TestServerPublishesARotatedKeyAsOld(t *testing.T) {
	cfg := config.Default()
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	cfg.Client.Listen, cfg.Federation.Listen = "", ""
	if _, err := Keys(cfg); err == nil || !strings.Contains(err.Error(), "first start") {
		t.Errorf("before the first start: %v", err)
	}
	if err := RotateKey(cfg, time.Now()); err == nil {
		t.Error("a key was rotated before there was one")
	}
	// published starts the server once and gives what it publishes.
	published := func() string {
		t.Helper()
		log, _ := test.NewNullLogger()
		s, err := New(cfg, logrus.NewEntry(log))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.FederationHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/_matrix/key/v2/server", nil))
		if err := s.close(); err != nil {
			t.Error(err)
		}
		return w.Body.String()
	}
	if object := published(); !strings.Contains(object, `"old_verify_keys":{},`) {
		t.Errorf("at first: %s", object)
	}
	first, err := Keys(cfg)
	if err != nil || len(first) != 1 {
		t.Fatalf("got %v, %v; want one key", first, err)
	}
	at := time.UnixMilli(1_700_000_000_000)
	if err := RotateKey(cfg, at); err != nil {
		t.Fatal(err)
	}
	keys, err := Keys(cfg)
	if err != nil || len(keys) != 2 || keys[0].ID == first[0].ID || !keys[0].Expired.IsZero() {
		t.Fatalf("got %v, %v; want a new key and the old one", keys, err)
	}
	if old := keys[1]; old.ID != first[0].ID || old.Key != first[0].Key || !old.Expired.Equal(at) {
		t.Errorf("old key %v, want that of %v, replaced %v", old, first[0], at)
	}
	object := published()
	for _, part := range []string{
		`"old_verify_keys":{"` + string(first[0].ID) + `":{"expired_ts":1700000000000,"key":"` + first[0].Key + `"}}`,
		`"verify_keys":{"` + string(keys[0].ID) + `":{"key":"` + keys[0].Key + `"}}`,
	} {
		if !strings.Contains(object, part) {
			t.Errorf("%s is not in %s", part, object)
		}
	}
}
