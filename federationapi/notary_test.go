package federationapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
)

const keyQuery = "/_matrix/key/v2/query"

// keysOf asks the house, as a notary, and gives the objects of its answer.
func (h *house) keysOf(method, uri, body string) []json.RawMessage {
	h.t.Helper()
	w := h.request(method, uri, body)
	expect(h.t, w, 200, "")
	var answer struct {
		ServerKeys []json.RawMessage `json:"server_keys"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.ServerKeys == nil {
		h.t.Fatalf("got %s, %v", w.Body, err)
	}
	return answer.ServerKeys
}

// signedBy tells whether an object carries a good signature, by another's code than
// the one that made it.
func signedBy(object json.RawMessage, name spec.ServerName, key signing.Key) bool {
	return gomatrixserverlib.VerifyJSON(string(name), key.ID, key.Public(), object) == nil
}

func down(r *remotetest.Server) {
	r.Answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }
}

func TestNotaryGivesTheObjectAsItWasWithItsSignatureBesides(t *testing.T) {
	one, ours := remotetest.Key("1"), remotetest.Key("here")
	ask := fmt.Sprintf(`{"server_keys":{"there.test":{"ed25519:1":{"minimum_valid_until_ts":%d}}}}`, time.Now().UnixMilli())
	for _, c := range []struct{ name, method, uri, body string }{
		{"all keys", http.MethodPost, keyQuery, `{"server_keys":{"there.test":{}}}`},
		{"a key", http.MethodPost, keyQuery, ask},
		{"a key, for no time in particular", http.MethodPost, keyQuery, `{"server_keys":{"there.test":{"ed25519:1":{}}}}`},
		{"by GET", http.MethodGet, keyQuery + "/there.test", ""},
		{"by GET, for a time", http.MethodGet, keyQuery + "/there.test?minimum_valid_until_ts=1", ""},
		{"by GET, a key", http.MethodGet, keyQuery + "/there.test/ed25519:1", ""},
		{"by GET, escaped", http.MethodGet, keyQuery + "/there%2etest/ed25519%3A1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := remotetest.New(t, there, one)
			var published []byte
			r.Change(func(r *remotetest.Server) {
				r.Old = []signing.Key{remotetest.Key("old")}
				r.Answer = func(w http.ResponseWriter, _ *http.Request) {
					// With a member of its own, that we do not know.
					object, err := gomatrixserverlib.SignJSON(string(there), one.ID, one.Private,
						[]byte(strings.Replace(string(r.Object()), `{`, `{"org.example":{"n":1.50,"a":"<&>"},`, 1)))
					if err != nil {
						t.Error(err)
					}
					published = object
					_, _ = w.Write(object)
				}
			})
			h := newHouse(t, options{client: remotetest.Reaching(r)})
			for range 2 { // the second time it is at hand
				objects := h.keysOf(c.method, c.uri, c.body)
				if len(objects) != 1 || !signedBy(objects[0], there, one) || !signedBy(objects[0], here, ours) {
					t.Fatalf("got %s", objects)
				}
				if a, b := unsigned(t, objects[0]), unsigned(t, published); a != b {
					t.Errorf("the object became %s, it was %s", a, b)
				}
			}
			if r.TimesAsked() != 1 {
				t.Errorf("asked %d times, want once", r.TimesAsked())
			}
		})
	}
}

// unsigned writes an object without its signatures.
func unsigned(t *testing.T, object json.RawMessage) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "signatures")
	plain, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestNotaryAnswersForItself(t *testing.T) {
	h := newHouse(t, options{})
	for _, c := range []struct{ method, uri, body string }{
		{http.MethodGet, keyQuery + "/here.test", ""},
		{http.MethodGet, keyQuery + "/here.test/ed25519:here", ""},
		{http.MethodPost, keyQuery, `{"server_keys":{"here.test":{"ed25519:here":{"minimum_valid_until_ts":9000000000000}}}}`},
	} {
		objects := h.keysOf(c.method, c.uri, c.body)
		if len(objects) != 1 || !signedBy(objects[0], here, remotetest.Key("here")) {
			t.Errorf("%s %s: got %s", c.method, c.uri, objects)
		}
	}
}

func TestNotaryGivesTheBestItHas(t *testing.T) {
	one, two := remotetest.Key("1"), remotetest.Key("2")
	r := remotetest.New(t, there, one)
	h := newHouse(t, options{client: remotetest.Reaching(r)})
	until := func(valid time.Time) string {
		return fmt.Sprintf("%s/there.test?minimum_valid_until_ts=%d", keyQuery, valid.UnixMilli())
	}
	steps := []struct {
		name   string
		wait   time.Duration
		change func(*remotetest.Server)
		uri    string
		by     []signing.Key // whose signatures the objects carry, one each
		asked  int
	}{
		{"unknown, and down", 0, down, keyQuery + "/there.test", nil, 1},
		{"unknown, and let alone", 0, nil, keyQuery + "/there.test", nil, 1},
		{"up", time.Minute, func(r *remotetest.Server) { r.Answer = nil }, keyQuery + "/there.test", []signing.Key{one}, 2},
		{"at hand for long enough", time.Minute, nil, until(time.Now().Add(23 * time.Hour)), []signing.Key{one}, 2},
		{"to be valid for longer", 0, func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(48 * time.Hour) },
			until(time.Now().Add(47 * time.Hour)), []signing.Key{one}, 3},
		{"for longer than the server says", time.Minute, nil, until(time.Now().Add(1000 * time.Hour)), []signing.Key{one}, 4},
		{"the same of one key", time.Minute, nil,
			fmt.Sprintf("%s/there.test/ed25519:1?minimum_valid_until_ts=%d", keyQuery, time.Now().Add(1000*time.Hour).UnixMilli()), []signing.Key{one}, 5},
		{"a new key, the old one not forgotten", time.Minute, func(r *remotetest.Server) { r.Keys = []signing.Key{two} },
			keyQuery + "/there.test/ed25519:2", []signing.Key{two}, 6},
		{"all keys", time.Minute, nil, keyQuery + "/there.test", []signing.Key{two, one}, 6},
		{"the old key", 0, nil, keyQuery + "/there.test/ed25519:1", []signing.Key{one}, 6},
		{"a key there is not", 0, nil, keyQuery + "/there.test/ed25519:3", nil, 7},
		{"down, and to be valid for longer", time.Minute, down, until(time.Now().Add(1000 * time.Hour)), []signing.Key{two, one}, 8},
		{"no server name", 0, nil, keyQuery + "/there.test:port", nil, 8},
	}
	for _, step := range steps {
		h.pass(step.wait)
		if step.change != nil {
			r.Change(step.change)
		}
		objects := h.keysOf(http.MethodGet, step.uri, "")
		if len(objects) != len(step.by) || r.TimesAsked() != step.asked {
			t.Fatalf("%s: got %s, asked %d times; want %d objects, %d times", step.name, objects, r.TimesAsked(), len(step.by), step.asked)
		}
		for i, key := range step.by {
			if !signedBy(objects[i], there, key) || !signedBy(objects[i], here, remotetest.Key("here")) {
				t.Errorf("%s: object %d is %s", step.name, i, objects[i])
			}
		}
	}
}

func TestNotaryRefusesWhatItCannotRead(t *testing.T) {
	h := newHouse(t, options{})
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf(`"%d.test":{}`, i)
	}
	for _, c := range []struct {
		method, uri, body string
		status            int
		errcode           string
	}{
		{http.MethodPost, keyQuery, ``, 400, "M_NOT_JSON"},
		{http.MethodPost, keyQuery, `{}`, 400, "M_BAD_JSON"},
		{http.MethodPost, keyQuery, `{"server_keys":[]}`, 400, "M_BAD_JSON"},
		{http.MethodPost, keyQuery, `{"server_keys":{"a.test":{"k":{"minimum_valid_until_ts":"soon"}}}}`, 400, "M_BAD_JSON"},
		{http.MethodPost, keyQuery, `{"server_keys":{` + strings.Join(many, ",") + `}}`, 400, "M_INVALID_PARAM"},
		{http.MethodGet, keyQuery + "/a.test?minimum_valid_until_ts=soon", "", 400, "M_INVALID_PARAM"},
		{http.MethodPut, keyQuery, `{}`, 405, "M_UNRECOGNIZED"},
		{http.MethodPut, keyQuery + "/a.test", `{}`, 405, "M_UNRECOGNIZED"},
		{http.MethodPut, keyQuery + "/a.test/ed25519:1", `{}`, 405, "M_UNRECOGNIZED"},
	} {
		expect(t, h.request(c.method, c.uri, c.body), c.status, c.errcode)
	}
	if objects := h.keysOf(http.MethodPost, keyQuery, `{"server_keys":{}}`); len(objects) != 0 {
		t.Errorf("of nobody: %s", objects)
	}
}

func TestFloodInUnknownNamesIsBounded(t *testing.T) {
	one := remotetest.Key("1")
	slow, known := remotetest.New(t, "slow.test", one), remotetest.New(t, there, one)
	reached, release := make(chan struct{}, 1000), make(chan struct{})
	slow.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, _ *http.Request) {
			reached <- struct{}{}
			<-release
			w.WriteHeader(502)
		}
	})
	client := remotetest.Reaching(slow, known)
	client.VerifyCertificates = false // one server stands for all the names
	for n := range 40 {
		client.Hosts[spec.ServerName(fmt.Sprint(n, ".test"))] = slow.Address()
	}
	h := newHouse(t, options{client: client})
	h.knows(there, remotetest.Key("old"), 0) // so that it is no stranger
	answers := make(chan int, 40)
	for n := range 32 {
		go func() { answers <- h.put(spec.ServerName(fmt.Sprint(n, ".test")), one, send+"1", `{}`).Code }()
	}
	for range 32 {
		<-reached
	}
	for n := 32; n < 40; n++ {
		w := h.put(spec.ServerName(fmt.Sprint(n, ".test")), one, send+"1", `{}`)
		expect(t, w, 429, "M_LIMIT_EXCEEDED")
		if w.Header().Get("Retry-After") != "5" {
			t.Errorf("got %v", w.Header())
		}
	}
	if got := h.refused("key_fetches"); got != 8 {
		t.Errorf("%v requests counted, want 8", got)
	}
	expect(t, h.put(there, one, send+"1", `{}`), 200, "") // with a new key
	close(release)
	for range 32 {
		if status := <-answers; status != 401 {
			t.Errorf("status %d, want 401", status)
		}
	}
	if slow.TimesAsked() != 32 {
		t.Errorf("asked %d times, want 32", slow.TimesAsked())
	}
}

func TestNotariesStandInForAServerThatIsDown(t *testing.T) {
	one, two, ofNotary := remotetest.Key("1"), remotetest.Key("2"), remotetest.Key("notary")
	sign := func(object []byte, name spec.ServerName, key signing.Key) []byte {
		signed, err := gomatrixserverlib.SignJSON(string(name), key.ID, key.Private, object)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	good := func(r *remotetest.Server) []byte { return sign(r.Object(), "notary.test", ofNotary) }
	for _, c := range []struct {
		name   string
		object func(origin *remotetest.Server) []byte
		key    signing.Key
		status int
	}{
		{"signed by both", good, one, 200},
		{"another key", good, two, 401},
		{"not signed by the notary", func(r *remotetest.Server) []byte { return r.Object() }, one, 401},
		{"signed by another key of the notary", func(r *remotetest.Server) []byte {
			return sign(r.Object(), "notary.test", signing.Key{ID: ofNotary.ID, Private: two.Private})
		}, one, 401},
		{"not signed by the origin", func(r *remotetest.Server) []byte {
			return sign([]byte(strings.ReplaceAll(string(r.Object()), `"signatures":{"there.test"`, `"signatures":{"else.test"`)), "notary.test", ofNotary)
		}, one, 401},
		{"of another server", func(*remotetest.Server) []byte {
			return good(&remotetest.Server{Name: "else.test", Keys: []signing.Key{one}, ValidUntil: time.Now().Add(time.Hour)})
		}, one, 401},
		{"expired", func(*remotetest.Server) []byte {
			return good(&remotetest.Server{Name: there, Keys: []signing.Key{one}, ValidUntil: time.Now().Add(-time.Hour)})
		}, one, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			origin, silent := remotetest.New(t, there, one), remotetest.New(t, "silent.test")
			notary := remotetest.New(t, "notary.test", ofNotary)
			object := c.object(origin)
			origin.Change(down)
			silent.Change(down)
			notary.Change(func(r *remotetest.Server) {
				r.Answer = func(w http.ResponseWriter, request *http.Request) {
					if request.Method == http.MethodGet {
						_, _ = w.Write(r.Object())
						return
					}
					_, _ = fmt.Fprintf(w, `{"server_keys":[7,%s]}`, object)
				}
			})
			h := newHouse(t, options{client: remotetest.Reaching(origin, silent, notary), config: func(cfg *federationapi.Config) {
				cfg.Notaries = []spec.ServerName{"silent.test", "notary.test"}
			}})
			if w := h.put(there, c.key, send+"1", `{}`); w.Code != c.status {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.status)
			}
		})
	}
}

// What a notary says may be of long ago.
func TestNotaryDoesNotBringAnOldKeyBack(t *testing.T) {
	one, two, ofNotary := remotetest.Key("1"), remotetest.Key("2"), remotetest.Key("notary")
	origin, notary := remotetest.New(t, there, one), remotetest.New(t, "notary.test", ofNotary)
	origin.Change(func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(48 * time.Hour) })
	stale, err := gomatrixserverlib.SignJSON("notary.test", ofNotary.ID, ofNotary.Private, origin.Object())
	if err != nil {
		t.Fatal(err)
	}
	notary.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, request *http.Request) {
			if request.Method == http.MethodGet {
				_, _ = w.Write(r.Object())
				return
			}
			_, _ = fmt.Fprintf(w, `{"server_keys":[%s]}`, stale)
		}
	})
	h := newHouse(t, options{client: remotetest.Reaching(origin, notary), config: func(cfg *federationapi.Config) {
		cfg.Notaries = []spec.ServerName{"notary.test"}
	}})
	origin.Change(func(r *remotetest.Server) { r.ValidUntil = time.Now().Add(24 * time.Hour) })
	expect(t, h.put(there, one, send+"1", `{}`), 200, "")
	h.pass(time.Minute)
	origin.Change(func(r *remotetest.Server) { r.Keys, r.Old = []signing.Key{two}, []signing.Key{one} })
	expect(t, h.put(there, two, send+"2", `{}`), 200, "")
	h.pass(time.Minute)
	origin.Change(down)
	expect(t, h.put(there, one, send+"3", `{}`), 401, "M_UNAUTHORIZED")
	if h.refused("old_key") != 1 || notary.TimesAsked() == 0 {
		t.Errorf("counted %v times as old_key, the notary asked %d times", h.refused("old_key"), notary.TimesAsked())
	}
	expect(t, h.put(there, two, send+"4", `{}`), 200, "")
}
