package federationapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// serverObject writes a key object of a.test, signed by signers.
func serverObject(t *testing.T, name, verifyKeys string, validUntil uint64, signers ...signing.Key) []byte {
	t.Helper()
	unsigned := json.RawMessage(fmt.Sprintf(
		`{"server_name":%q,"verify_keys":%s,"old_verify_keys":{"ed25519:old":{"expired_ts":1,"key":%q}},"valid_until_ts":%d}`,
		name, verifyKeys, spec.Base64Bytes(remotetest.Key("old").Public()).Encode(), validUntil))
	signed := unsigned
	var err error
	for _, key := range signers { // one at a time: each keeps the ones that are there
		if signed, err = gomatrixserverlib.SignJSON(name, key.ID, key.Private, signed); err != nil {
			t.Fatal(err)
		}
	}
	return signed
}

func entry(key signing.Key) string {
	return fmt.Sprintf(`%q:{"key":%q}`, key.ID, spec.Base64Bytes(key.Public()).Encode())
}

func TestKeyObjectIsCheckedBeforeUse(t *testing.T) {
	one, two := remotetest.Key("1"), remotetest.Key("2")
	inADay := uint64(testNow.Add(24 * time.Hour).UnixMilli())
	for _, c := range []struct {
		name   string
		object []byte
		keys   int
	}{
		{"one key", serverObject(t, "a.test", `{`+entry(one)+`}`, inADay, one), 1},
		{"two keys", serverObject(t, "a.test", `{`+entry(one)+`,`+entry(two)+`}`, inADay, one, two), 2},
		{"a key of an algorithm to come", serverObject(t, "a.test", `{`+entry(one)+`,"sphincs:1":{"key":"AAAA"}}`, inADay, one), 1},
		{"one key of two has not signed", serverObject(t, "a.test", `{`+entry(one)+`,`+entry(two)+`}`, inADay, one), 0},
		{"not signed", serverObject(t, "a.test", `{`+entry(one)+`}`, inADay), 0},
		{"signed by another key of that ID", serverObject(t, "a.test", `{`+entry(one)+`}`, inADay, signing.Key{ID: one.ID, Private: two.Private}), 0},
		{"of another server", serverObject(t, "b.test", `{`+entry(one)+`}`, inADay, one), 0},
		{"of another server, signed in the name of this one", []byte(strings.Replace(string(serverObject(t, "b.test", `{`+entry(one)+`}`, inADay, one)), `"signatures":{"b.test"`, `"signatures":{"a.test"`, 1)), 0},
		{"expired", serverObject(t, "a.test", `{`+entry(one)+`}`, uint64(testNow.UnixMilli()), one), 0},
		{"no keys", serverObject(t, "a.test", `{}`, inADay), 0},
		{"a short key", serverObject(t, "a.test", `{"ed25519:1":{"key":"AAAA"}}`, inADay), 0},
		{"changed after signing", []byte(strings.Replace(string(serverObject(t, "a.test", `{`+entry(one)+`}`, inADay, one)), "expired_ts\":1", "expired_ts\":2", 1)), 0},
		{"no UTF-8", []byte(strings.Replace(string(serverObject(t, "a.test", `{`+entry(one)+`}`, inADay, one)), `{"`, "{\"x\":\"\xff\",\"", 1)), 0},
		{"too long", append(serverObject(t, "a.test", `{`+entry(one)+`}`, inADay, one), make([]byte, maxKeyObject)...), 0},
		{"no object", []byte(`[]`), 0},
		{"no JSON", []byte(`<html>`), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := readServerKeys(c.object, "a.test", testNow)
			if err == nil {
				last := len(keys) - 1
				if old := keys[last]; old.ID != "ed25519:old" || !old.Old {
					t.Errorf("the last key is %+v, want the old one", old)
				}
				keys = keys[:last]
			}
			if len(keys) != c.keys || (err == nil) != (c.keys > 0) {
				t.Fatalf("%s gives %v, %v; want %d keys", c.object, keys, err, c.keys)
			}
			for _, key := range keys {
				if key.Old {
					t.Errorf("%s is taken for an old key", key.ID)
				}
				if key.Server != "a.test" || !key.Fetched.Equal(testNow) || key.ValidUntil.UnixMilli() != int64(inADay) {
					t.Errorf("got %+v", key)
				}
			}
		})
	}
}

func TestKeysAreTrustedForAWeekAtMost(t *testing.T) {
	week := testNow.Add(7 * 24 * time.Hour)
	for until, want := range map[uint64]time.Time{
		uint64(testNow.Add(time.Hour).UnixMilli()): testNow.Add(time.Hour),
		uint64(week.UnixMilli()):                   week,
		uint64(week.UnixMilli() + 1):               week,
		math.MaxUint64:                             week,
	} {
		if got := validity(spec.Timestamp(until), testNow); !got.Equal(want) {
			t.Errorf("valid_until_ts %d gives %v, want %v", until, got, want)
		}
	}
}

func TestAttemptsAreSpacedAndBounded(t *testing.T) {
	a := newAttempts()
	now := testNow
	ask := func(server spec.ServerName, err error, pause time.Duration) {
		t.Helper()
		if !a.may(server, now) {
			t.Fatalf("%s may not be asked", server)
		}
		a.note(server, now, err)
		if a.may(server, now.Add(pause-1)) || !a.may(server, now.Add(pause)) {
			t.Errorf("%s, %v: the pause is not %v", server, err, pause)
		}
		now = now.Add(pause)
	}
	down := errors.New("down")
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		ask("a.test", down, time.Duration(seconds)*time.Second)
	}
	for _, seconds := range []int{1, 2, 4, 8, 10, 10} {
		ask("a.test", nil, time.Duration(seconds)*time.Second)
	}
	ask("a.test", down, firstPause)
	ask("b.test", nil, firstPause)
	ask("b.test", nil, 2*firstPause)
	now = now.Add(freshFor) // quiet
	ask("b.test", nil, firstPause)
	for i := range 2 * maxAttempts {
		a.note(spec.ServerName(fmt.Sprint(i, ".test")), testNow, nil)
	}
	if len(a.made) > maxAttempts {
		t.Errorf("%d servers remembered, want at most %d", len(a.made), maxAttempts)
	}
}

func TestOldKeysAreOldUnlessInUse(t *testing.T) {
	one, two := remotetest.Key("1"), remotetest.Key("2")
	old := func(key signing.Key) string {
		return fmt.Sprintf(`%q:{"expired_ts":1,"key":%q}`, key.ID, spec.Base64Bytes(key.Public()).Encode())
	}
	object := []byte(`{"server_name":"a.test","valid_until_ts":9007199254740991,"verify_keys":{` + entry(one) + `},"old_verify_keys":{` +
		old(one) + `,` + old(two) + `,"rsa:1":{"expired_ts":1,"key":"AAAA"},"ed25519:short":{"expired_ts":1,"key":"AAAA"}}}`)
	signed, err := gomatrixserverlib.SignJSON("a.test", one.ID, one.Private, object)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := readServerKeys(signed, "a.test", testNow)
	if err != nil || len(keys) != 2 {
		t.Fatalf("got %v, %v; want 2 keys", keys, err)
	}
	for i, want := range []signing.Key{one, two} {
		if got := keys[i]; got.ID != want.ID || !got.Public.Equal(want.Public()) || got.Old != (i == 1) {
			t.Errorf("key %d is %+v", i, got)
		}
	}
}
