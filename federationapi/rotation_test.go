package federationapi_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
)

// A start of there.test on the keys in a file: our own code on that side, too.
func startOn(t *testing.T, path string) (signing.Key, *house) {
	t.Helper()
	key, err := signing.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	old, err := signing.LoadOld(path, key)
	if err != nil {
		t.Fatal(err)
	}
	return key, newHouse(t, options{config: func(cfg *federationapi.Config) {
		cfg.Name, cfg.Key, cfg.OldKeys = there, key, old
	}})
}

func TestRotatedKeyIsTakenAtOnceAndTheOldOneRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signing.key")
	old, before := startOn(t, path)
	a := remotetest.New(t, there)
	a.Change(func(r *remotetest.Server) { r.Answer = before.router.ServeHTTP })
	b := newHouse(t, options{client: remotetest.Reaching(a)})
	expect(t, b.put(there, old, send+"1", `{}`), 200, "")
	b.pass(time.Second)

	if _, err := signing.Rotate(path, time.UnixMilli(1_700_000_000_123)); err != nil {
		t.Fatal(err)
	}
	key, after := startOn(t, path)
	a.Change(func(r *remotetest.Server) { r.Answer = after.router.ServeHTTP })
	expect(t, b.put(there, old, send+"2", `{}`), 200, "") // b does not know yet
	expect(t, b.put(there, key, send+"3", `{}`), 200, "")
	expect(t, b.put(there, old, send+"4", `{}`), 401, "M_UNAUTHORIZED")
	if b.refused("old_key") != 1 || a.TimesAsked() != 2 {
		t.Errorf("counted %v times as old_key, asked %d times for the keys", b.refused("old_key"), a.TimesAsked())
	}

	w := after.request(http.MethodGet, "/_matrix/key/v2/server", "")
	expect(t, w, 200, "")
	var published gomatrixserverlib.ServerKeyFields
	if err := json.Unmarshal(w.Body.Bytes(), &published); err != nil {
		t.Fatal(err)
	}
	was := published.OldVerifyKeys[old.ID]
	if len(published.VerifyKeys) != 1 || len(published.OldVerifyKeys) != 1 || was.ExpiredTS != 1_700_000_000_123 || string(was.Key) != string(old.Public()) {
		t.Errorf("published %s", w.Body)
	}
	if err := gomatrixserverlib.VerifyJSON(string(there), key.ID, key.Public(), w.Body.Bytes()); err != nil {
		t.Error(err)
	}
	if err := gomatrixserverlib.VerifyJSON(string(there), old.ID, old.Public(), w.Body.Bytes()); err == nil {
		t.Error("the old key has signed, too")
	}
}
