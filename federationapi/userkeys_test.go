package federationapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/todevice"
)

const v1 = "/_matrix/federation/v1"

// neighbour is a house that knows there.test's key.
func neighbour(t *testing.T) *house {
	h := newHouse(t, options{})
	h.knows(there, remotetest.Key("1"), 0)
	return h
}

// ask makes a request signed by there.test.
func (h *house) ask(method, uri, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	s := remotetest.Signing{Key: remotetest.Key("1"), Method: method, URI: uri, Origin: there, Destination: here, SignedFor: here}
	if body != "" {
		s.Body = json.RawMessage(body)
	}
	return h.request(method, uri, body, s.Header(h.t))
}

// wantBody fails the test unless the answer is 200 and means the same as want.
func wantBody(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	expect(t, w, 200, "")
	if !sameJSON(t, w.Body.String(), want) {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

// keys writes the keys of a local device with its own and others' signatures.
func keys(localpart, device string, signers ...string) string {
	signatures := []string{fmt.Sprintf(`"@%s:here.test":{"ed25519:%s":"own"}`, localpart, device)}
	for _, signer := range signers {
		signatures = append(signatures, fmt.Sprintf(`%q:{"ed25519:X":"sig"}`, signer))
	}
	return fmt.Sprintf(`"user_id":"@%s:here.test","device_id":%q,"algorithms":[],"keys":{},"signatures":{%s}`,
		localpart, device, strings.Join(signatures, ","))
}

func (h *house) upload(localpart, device string, u todevice.KeyUpload) todevice.InboxID {
	h.t.Helper()
	inbox := h.device(localpart, device)
	if _, err := h.store.UploadKeys(context.Background(), inbox, u); err != nil {
		h.t.Fatal(err)
	}
	return inbox
}

// furnish gives alice two devices, one with a name and one without keys, and
// cross-signing keys.
func (h *house) furnish() {
	h.t.Helper()
	ctx := context.Background()
	aliceDevice := json.RawMessage(`{` + keys("alice", "A", "@mallory:there.test") + `}`)
	h.upload("alice", "A", todevice.KeyUpload{DeviceKeys: aliceDevice})
	h.device("alice", "without keys")
	h.device("bob", "B")
	bob := todevice.UserID{Localpart: "bob", Server: here}
	alice := todevice.UserID{Localpart: "alice", Server: here}
	key := func(usage, name string) json.RawMessage {
		return json.RawMessage(`{"keys":{"ed25519:` + name + `":"` + name + `"},"user_id":"@alice:here.test","usage":["` + usage + `"]}`)
	}
	for _, err := range []error{
		h.store.RenameDevice(ctx, "alice", "A", "Phone"),
		h.store.SetCrossSigningKeys(ctx, alice, todevice.CrossSigningKeys{},
			todevice.CrossSigningKeys{Master: key("master", "M"), SelfSigning: key("self_signing", "S"), UserSigning: key("user_signing", "U")}),
		h.store.SetCrossSigningKeys(ctx, bob, todevice.CrossSigningKeys{}, todevice.CrossSigningKeys{UserSigning: key("user_signing", "BU")}),
	} {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	late, err := h.store.AddSignatures(ctx, []todevice.Signature{
		{Signer: alice, KeyID: "ed25519:S", Target: alice, TargetKey: "A", Object: aliceDevice, Signature: "later"},
		{Signer: bob, KeyID: "ed25519:BU", Target: alice, TargetKey: "M", Object: key("master", "M"), Signature: "bob's"},
	})
	if err != nil || len(late) > 0 {
		h.t.Fatal(late, err)
	}
}

// What other servers see of furnished alice.
const (
	aliceKeys    = `{"user_id":"@alice:here.test","device_id":"A","algorithms":[],"keys":{},"signatures":{"@alice:here.test":{"ed25519:A":"own","ed25519:S":"later"}}}`
	aliceMaster  = `{"keys":{"ed25519:M":"M"},"user_id":"@alice:here.test","usage":["master"],"signatures":{}}`
	aliceSelf    = `{"keys":{"ed25519:S":"S"},"user_id":"@alice:here.test","usage":["self_signing"],"signatures":{}}`
	aliceNamed   = `,"unsigned":{"device_display_name":"Phone"}}`
	nothingKnown = `{"device_keys":{},"master_keys":{},"self_signing_keys":{}}`
)

func TestOtherServersSeeTheKeysOfLocalUsers(t *testing.T) {
	h := neighbour(t)
	h.furnish()
	const uri = v1 + "/user/keys/query"
	crossSigning := `"master_keys":{"@alice:here.test":` + aliceMaster + `},"self_signing_keys":{"@alice:here.test":` + aliceSelf + `}}`
	for _, c := range []struct{ name, asked, want string }{
		{"all devices", `{"@alice:here.test":[]}`,
			`{"device_keys":{"@alice:here.test":{"A":` + strings.TrimSuffix(aliceKeys, "}") + aliceNamed + `}},` + crossSigning},
		{"a device there is not", `{"@alice:here.test":["B"]}`, `{"device_keys":{"@alice:here.test":{}},` + crossSigning},
		{"a user without keys", `{"@bob:here.test":[]}`, `{"device_keys":{"@bob:here.test":{}},"master_keys":{},"self_signing_keys":{}}`},
		{"nobody of ours", `{"@nobody:here.test":[],"@alice:there.test":[],"alice":[]}`, nothingKnown},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantBody(t, h.ask(http.MethodPost, uri, `{"device_keys":`+c.asked+`}`), c.want)
		})
	}
	for _, body := range []string{`{}`, `[]`, `{"device_keys":{"@alice:here.test":{}}}`, `{"device_keys":{"@alice:here.test":[1]}}`} {
		expect(t, h.ask(http.MethodPost, uri, body), 400, "M_BAD_JSON")
	}
	expect(t, h.ask(http.MethodPost, uri, ""), 400, "M_NOT_JSON")
}

func TestDeviceListShowsDevicesWithKeysAndItsStreamID(t *testing.T) {
	h := neighbour(t)
	h.furnish()
	const uri = v1 + "/user/devices/"
	list, err := h.store.DeviceList(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"user_id":"@alice:here.test","stream_id":%d,"devices":[{"device_id":"A","device_display_name":"Phone","keys":%s}],"master_key":%s,"self_signing_key":%s}`
	wantBody(t, h.ask(http.MethodGet, uri+"%40alice%3Ahere.test", ""), fmt.Sprintf(want, list.StreamID, aliceKeys, aliceMaster, aliceSelf))
	w := h.ask(http.MethodGet, uri+"@bob:here.test", "")
	if expect(t, w, 200, ""); !strings.Contains(w.Body.String(), `"devices":[]}`) {
		t.Errorf("got %s", w.Body)
	}
	expect(t, h.ask(http.MethodGet, uri+"@nobody:here.test", ""), 404, "M_NOT_FOUND")
	expect(t, h.ask(http.MethodGet, uri+"@alice:there.test", ""), 400, "M_INVALID_PARAM")
	expect(t, h.ask(http.MethodGet, uri+"alice", ""), 400, "M_INVALID_PARAM")
}

func TestOtherServersClaimEachKeyOnce(t *testing.T) {
	h := neighbour(t)
	key := func(id string) todevice.OneTimeKey {
		return todevice.OneTimeKey{Algorithm: "a", ID: id, Key: json.RawMessage(`{"key":"` + id + `","signatures":{}}`)}
	}
	inbox := h.upload("alice", "A", todevice.KeyUpload{
		OneTimeKeys: []todevice.OneTimeKey{key("1"), key("2")}, FallbackKeys: []todevice.OneTimeKey{key("F")},
	})
	const uri = v1 + "/user/keys/claim"
	const asked = `{"one_time_keys":{"@alice:here.test":{"A":"a","B":"a"},"@nobody:here.test":{"A":"a"},"@alice:there.test":{"A":"a"}}}`
	for _, id := range []string{"1", "2", "F", "F"} {
		wantBody(t, h.ask(http.MethodPost, uri, asked),
			fmt.Sprintf(`{"one_time_keys":{"@alice:here.test":{"A":{"a:%s":{"key":"%s","signatures":{}}}}}}`, id, id))
	}
	wantBody(t, h.ask(http.MethodPost, uri, `{"one_time_keys":{"@alice:here.test":{"A":"unknown"}}}`), `{"one_time_keys":{}}`)
	expect(t, h.ask(http.MethodPost, uri, `{}`), 400, "M_BAD_JSON")
	if len(h.woken) != 2 || h.woken[0] != inbox {
		t.Errorf("woken: %v, want alice's device when the last key was taken and when the fallback key was used", h.woken)
	}
}

func TestRequestForTooManyKeysIsRefusedAndTakesNothing(t *testing.T) {
	h := neighbour(t)
	h.upload("alice", "A", todevice.KeyUpload{OneTimeKeys: []todevice.OneTimeKey{{Algorithm: "a", ID: "1", Key: json.RawMessage(`"k"`)}}})
	list := func(n int, member string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, member, i)
		}
		return b.String()
	}
	for _, c := range []struct{ name, endpoint, body string }{
		{"users of a query", "query", `{"device_keys":{` + list(1000, `"@u%d:here.test":[],`) + `"@alice:here.test":[]}}`},
		{"devices of a query", "query", `{"device_keys":{"@alice:here.test":[` + list(10_000, `"D%d",`) + `"A"]}}`},
		{"users of a claim", "claim", `{"one_time_keys":{` + list(1000, `"@u%d:here.test":{},`) + `"@alice:here.test":{"A":"a"}}}`},
		{"devices of a claim", "claim", `{"one_time_keys":{"@alice:here.test":{` + list(10_000, `"D%d":"a",`) + `"A":"a"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, h.ask(http.MethodPost, v1+"/user/keys/"+c.endpoint, c.body), 413, "M_TOO_LARGE")
		})
	}
	wantBody(t, h.ask(http.MethodPost, v1+"/user/keys/claim", `{"one_time_keys":{"@alice:here.test":{"A":"a"}}}`),
		`{"one_time_keys":{"@alice:here.test":{"A":{"a:1":"k"}}}}`)
}

func TestWhoAsksIsInterested(t *testing.T) {
	for name, ask := range map[string]func(*house){
		"query": func(h *house) {
			h.ask(http.MethodPost, v1+"/user/keys/query", `{"device_keys":{"@alice:here.test":[]}}`)
		},
		"claim": func(h *house) {
			h.ask(http.MethodPost, v1+"/user/keys/claim", `{"one_time_keys":{"@alice:here.test":{"A":"a"}}}`)
		},
		"devices": func(h *house) { h.ask(http.MethodGet, v1+"/user/devices/@alice:here.test", "") },
	} {
		t.Run(name, func(t *testing.T) {
			h := neighbour(t)
			h.device("alice", "A")
			ask(h)
			servers, err := h.store.InterestedServers(t.Context(), "alice")
			if err != nil || len(servers) != 1 || servers[0] != there {
				t.Errorf("interested are %q (%v)", servers, err)
			}
		})
	}
}

func TestProfilesAreToldToOtherServers(t *testing.T) {
	h := neighbour(t)
	h.device("alice", "A")
	name, avatar := "Alice", "mxc://here.test/a"
	if err := h.store.SetProfile(t.Context(), "alice", todevice.ProfileChange{DisplayName: &name, AvatarURL: &avatar}); err != nil {
		t.Fatal(err)
	}
	const uri = v1 + "/query/profile?user_id=%40alice%3Ahere.test"
	wantBody(t, h.ask(http.MethodGet, uri, ""), `{"displayname":"Alice","avatar_url":"mxc://here.test/a"}`)
	wantBody(t, h.ask(http.MethodGet, uri+"&field=displayname", ""), `{"displayname":"Alice"}`)
	wantBody(t, h.ask(http.MethodGet, uri+"&field=avatar_url", ""), `{"avatar_url":"mxc://here.test/a"}`)
	wantBody(t, h.ask(http.MethodGet, uri+"&field=m.tz", ""), `{}`)
	expect(t, h.ask(http.MethodGet, v1+"/query/profile", ""), 400, "M_MISSING_PARAM")
	expect(t, h.ask(http.MethodGet, v1+"/query/profile?user_id=alice", ""), 400, "M_INVALID_PARAM")
	expect(t, h.ask(http.MethodGet, v1+"/query/profile?user_id=@a:there.test", ""), 400, "M_INVALID_PARAM")
	expect(t, h.ask(http.MethodGet, v1+"/query/profile?user_id=@nobody:here.test", ""), 404, "M_NOT_FOUND")
}
