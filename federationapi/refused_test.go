package federationapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/todevice"
)

func TestKeysThatAreNoGoodAreCountedByWhatIsWrong(t *testing.T) {
	one, old, forged := remotetest.Key("1"), remotetest.Key("2"), remotetest.Key("3")
	forged.ID = one.ID
	for _, c := range []struct {
		name   string
		change func(*remotetest.Server)
		wait   time.Duration // between a first, good request and this one
		origin spec.ServerName
		key    signing.Key
		reason string
	}{
		{"a signature by another key", nil, 0, there, forged, "wrong_signature"},
		{"a key nobody has", nil, 0, there, remotetest.Key("4"), "unknown_key"},
		{"a key of another name", nil, 0, "else.test", one, "unknown_key"},
		{"a key that was replaced", func(r *remotetest.Server) { r.Old = []signing.Key{old} }, 0, there, old, "old_key"},
		{"a key that has expired", func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(time.Hour) }, 2 * time.Hour, there, one, "expired_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := remotetest.New(t, there, one)
			if c.change != nil {
				r.Change(c.change)
			}
			h := newHouse(t, options{client: remotetest.Reaching(r)})
			inbox := h.device("alice", "D")
			expect(t, h.put(there, one, send+"1", transaction(edu("m1", message(1)))), 200, "")
			h.pass(c.wait)
			body := strings.ReplaceAll(transaction(edu("m2", message(2))), string(there), string(c.origin))
			expect(t, h.put(c.origin, c.key, send+"2", body), 401, "M_UNAUTHORIZED")
			if h.refused(c.reason) != 1 {
				t.Errorf("not counted as %s", c.reason)
			}
			if got := h.events(inbox); len(got) != 1 {
				t.Errorf("delivered %v", got)
			}
		})
	}
}

func TestSenderOfAnotherServerNeverReachesAnInbox(t *testing.T) {
	h := newHouse(t, options{})
	key := remotetest.Key("1")
	h.knows(there, key, 0)
	inbox := h.device("alice", "D")
	for i, sender := range []string{"@s:else.test", "@s:here.test", "@s:there.test:8448", "@s:THERE.test", "@s:sub.there.test", "s"} {
		body := transaction(strings.ReplaceAll(edu("", message(1)), "@s:there.test", sender))
		expect(t, h.put(there, key, send+string(rune('a'+i)), body), 200, "")
	}
	if got := h.events(inbox); len(got) != 0 {
		t.Errorf("delivered %v", got)
	}
	for reason, want := range map[string]float64{"foreign_sender": 5, "bad_sender": 1} {
		if got := h.counter("federation_edus_dropped_total", "reason", reason); got != want {
			t.Errorf("%v EDUs counted as %s, want %v", got, reason, want)
		}
	}
}

func TestDeniedServerIsRefusedBeforeItCostsAKey(t *testing.T) {
	key := remotetest.Key("1")
	for _, c := range []struct {
		name        string
		allow, deny []string
		status      int
	}{
		{"denied", nil, []string{"*.test"}, 403},
		{"not among the allowed", []string{"else.test"}, nil, 403},
		{"allowed", []string{"there.test"}, []string{"else.test"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := remotetest.New(t, there, key)
			h := newHouse(t, options{client: remotetest.Reaching(r), config: func(cfg *federationapi.Config) {
				cfg.Servers = todevice.NewServerRules(c.allow, c.deny)
			}})
			w := h.put(there, key, send+"1", transaction())
			if c.status == 200 {
				expect(t, w, 200, "")
				return
			}
			expect(t, w, 403, "M_FORBIDDEN")
			if h.refused("denied") != 1 || r.TimesAsked() != 0 || len(h.alive) != 0 {
				t.Errorf("counted %v times, asked %d times for its keys, heard of %v", h.refused("denied"), r.TimesAsked(), h.alive)
			}
			// Nor does its name make us ask for others.
			w = h.request(http.MethodGet, "/_matrix/key/v2/query/there.test", "")
			if w.Body.String() != `{"server_keys":[]}` || r.TimesAsked() != 0 {
				t.Errorf("query: %s, asked %d times", w.Body, r.TimesAsked())
			}
		})
	}
}
