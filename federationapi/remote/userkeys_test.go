package remote_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/todevice"
)

// asking gives a client of here, and a server there that answers every request with
// a body, after noting the request as "METHOD URI body".
func asking(t *testing.T, answer string) (*remote.Client, *[]string) {
	t.Helper()
	requests := new([]string)
	r := remotetest.New(t, there)
	r.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, request *http.Request) {
			body, _ := io.ReadAll(request.Body)
			*requests = append(*requests, strings.TrimSpace(request.Method+" "+request.RequestURI+" "+string(body)))
			_, _ = io.WriteString(w, answer)
		}
	})
	client := remote.New(remotetest.Reaching(r), here, remotetest.Key("here"))
	t.Cleanup(client.Close)
	return client, requests
}

func user(localpart string, server spec.ServerName) todevice.UserID {
	return todevice.UserID{Localpart: localpart, Server: server}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func keysOf(userID, deviceID string) string {
	return fmt.Sprintf(`{"algorithms":[],"device_id":%q,"keys":{},"n":9007199254740993,"signatures":{},"user_id":%q}`, deviceID, userID)
}

func crossSigningKeyOf(userID string) string {
	return fmt.Sprintf(`{"user_id":%q,"usage":["x"],"keys":{"ed25519:K":"K"}}`, userID)
}

func TestQueriedKeysAreThoseAskedFor(t *testing.T) {
	good, evil := keysOf("@rita:there.test", "R"), keysOf("@eve:there.test", "R")
	client, requests := asking(t, `{"device_keys":{`+
		`"@rita:there.test":{"R":`+good+`,"S":`+good+`,"T":`+evil+`,"U":"no object","V":{"user_id":"@rita:there.test","device_id":"V","algorithms":{}}},`+
		`"@sam:there.test":{},`+
		`"@eve:there.test":{"R":`+evil+`},"@rita:else.test":{"R":`+keysOf("@rita:else.test", "R")+`}},`+
		`"master_keys":{"@rita:there.test":`+crossSigningKeyOf("@rita:there.test")+`,"@sam:there.test":`+crossSigningKeyOf("@eve:there.test")+`,"@eve:there.test":`+crossSigningKeyOf("@eve:there.test")+`},`+
		`"self_signing_keys":{"@rita:there.test":`+crossSigningKeyOf("@eve:there.test")+`,"@sam:there.test":`+crossSigningKeyOf("@sam:there.test")+`},`+
		`"user_signing_keys":{"@rita:there.test":`+crossSigningKeyOf("@rita:there.test")+`}}`)
	rita, sam := user("rita", there), user("sam", there)
	keys, err := client.QueryKeys(t.Context(), there, map[todevice.UserID][]string{rita: {"R", "S"}, sam: nil, user("rita", "else.test"): {"R"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(keys.Devices) != 2 || len(keys.Devices[rita]) != 1 || string(keys.Devices[rita]["R"]) != good || len(keys.Devices[sam]) != 0 {
		t.Errorf("devices %v", keys.Devices)
	}
	if len(keys.Master) != 1 || keys.Master[rita] == nil || len(keys.SelfSigning) != 1 || keys.SelfSigning[sam] == nil {
		t.Errorf("master keys %v, self-signing keys %v", keys.Master, keys.SelfSigning)
	}
	want := `POST /_matrix/federation/v1/user/keys/query {"device_keys":{"@rita:there.test":["R","S"],"@sam:there.test":[]}}`
	if len(*requests) != 1 || (*requests)[0] != want {
		t.Errorf("asked %q, want %q", *requests, want)
	}
}

func TestClaimedKeysAreThoseAskedFor(t *testing.T) {
	client, requests := asking(t, `{"one_time_keys":{"@rita:there.test":{"R":{"a:1":{"key":"k"},"a:2":7,"a:3":{"key":7},"b:1":"x"},"S":{"a:2":"x"},"T":{}},`+
		`"@sam:there.test":{"R":{}},"@eve:there.test":{"R":{"a:1":"x"}},"@rita:else.test":{"R":{"a:1":"x"}}}}`)
	claims := map[todevice.UserID]map[string]string{
		user("rita", there): {"R": "a", "T": "a"}, user("sam", there): {"R": "a"}, user("rita", "else.test"): {"R": "a"},
	}
	got, err := client.ClaimKeys(t.Context(), there, claims)
	if err != nil || len(got) != 1 || asJSON(t, got[user("rita", there)]) != `{"R":{"a:1":{"key":"k"}}}` {
		t.Errorf("got %v %v", got, err)
	}
	want := `POST /_matrix/federation/v1/user/keys/claim {"one_time_keys":{"@rita:there.test":{"R":"a","T":"a"},"@sam:there.test":{"R":"a"}}}`
	if len(*requests) != 1 || (*requests)[0] != want {
		t.Errorf("asked %q, want %q", *requests, want)
	}
}

func TestUserDevicesAreTheUsers(t *testing.T) {
	answer := func(userID string) string {
		return `{"user_id":"` + userID + `","stream_id":5,"devices":[` +
			`{"device_id":"R","device_display_name":"Phone","keys":` + keysOf("@r/ita:there.test", "R") + `},` +
			`{"device_id":"S","keys":` + keysOf("@r/ita:there.test", "R") + `},{"device_id":"T"},7,` +
			`{"device_id":"U","keys":{"user_id":"@r/ita:there.test","device_id":"U"}}],` +
			`"master_key":` + crossSigningKeyOf("@r/ita:there.test") + `,"self_signing_key":` + crossSigningKeyOf("@eve:there.test") + `}`
	}
	client, requests := asking(t, answer("@r/ita:there.test"))
	list, err := client.UserDevices(t.Context(), user("r/ita", there))
	if err != nil || list.StreamID != 5 || len(list.Devices) != 1 || list.Devices[0].DisplayName != "Phone" ||
		list.Master == nil || list.SelfSigning != nil {
		t.Errorf("got %v %v", list, err)
	}
	if want := "GET /_matrix/federation/v1/user/devices/@r%2Fita:there.test"; len(*requests) != 1 || (*requests)[0] != want {
		t.Errorf("asked %q, want %q", *requests, want)
	}
	for _, bad := range []string{answer("@eve:there.test"), `{"user_id":"@r/ita:there.test","devices":[]}`,
		`{"user_id":"@r/ita:there.test","stream_id":1}`, `{"user_id":"@r/ita:there.test","stream_id":"1","devices":[]}`} {
		client, _ := asking(t, bad)
		if list, err := client.UserDevices(t.Context(), user("r/ita", there)); err == nil {
			t.Errorf("%s gave %v", bad, list)
		}
	}
}

func TestProfileIsRead(t *testing.T) {
	client, requests := asking(t, `{"displayname":"Rita","avatar_url":null,"m.tz":1}`)
	profile, err := client.Profile(t.Context(), user("rita+x", there), "displayname")
	if err != nil || profile != (todevice.Profile{DisplayName: "Rita"}) {
		t.Errorf("got %v %v", profile, err)
	}
	want := "GET /_matrix/federation/v1/query/profile?field=displayname&user_id=%40rita%2Bx%3Athere.test"
	if len(*requests) != 1 || (*requests)[0] != want {
		t.Errorf("asked %q, want %q", *requests, want)
	}
}

func TestAnswersThatCannotBePassedOnAreErrors(t *testing.T) {
	for name, answer := range map[string]string{
		"no JSON":       `{`,
		"no object":     `[]`,
		"no UTF-8":      "{\"displayname\":\"\xff\"}",
		"nested deep":   `{"displayname":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		"without limit": `{"displayname":"` + strings.Repeat("x", 9<<20) + `"}`,
	} {
		client, _ := asking(t, answer)
		if profile, err := client.Profile(t.Context(), user("rita", there), ""); err == nil {
			t.Errorf("%s: got %.100v", name, profile)
		}
	}
}

func TestRefusedQuestionTellsStatusAndErrcode(t *testing.T) {
	r := remotetest.New(t, there)
	r.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errcode":"M_FORBIDDEN"}`)
		}
	})
	client := remote.New(remotetest.Reaching(r), here, remotetest.Key("here"))
	t.Cleanup(client.Close)
	_, err := client.QueryKeys(t.Context(), there, nil)
	var refused *remote.Refusal
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	if status, code := refused.Answer(); status != 403 || code != "M_FORBIDDEN" {
		t.Errorf("got %d %s", status, code)
	}
}
