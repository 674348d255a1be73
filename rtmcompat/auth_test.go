package rtmcompat_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

func TestOnlyAKeyOfTheAppIsLetIn(t *testing.T) {
	const unknownApp = "00000000000000000000000000000000"
	good := basic("key:se:cret")
	cases := []struct {
		name, app, authorization string
		status                   int
		code                     string
	}{
		{"a key of the app", appID, good, 200, "message_sent"},
		{"another key of the app", appID, basic("second:s2"), 200, "message_sent"},
		{"scheme in lower case", appID, strings.Replace(good, "Basic", "basic", 1), 200, "message_sent"},
		{"scheme in upper case", appID, strings.Replace(good, "Basic", "BASIC", 1), 200, "message_sent"},
		{"nothing", appID, "", 401, "unauthorized"},
		{"wrong secret", appID, basic("key:secret"), 401, "unauthorized"},
		{"secret of another key", appID, basic("key:s2"), 401, "unauthorized"},
		{"secret in another case", appID, basic("key:SE:CRET"), 401, "unauthorized"},
		{"secret with more behind it", appID, basic("key:se:cret2"), 401, "unauthorized"},
		{"beginning of the secret", appID, basic("key:se"), 401, "unauthorized"},
		{"unknown key", appID, basic("nokey:se:cret"), 401, "unauthorized"},
		{"no key", appID, basic(":se:cret"), 401, "unauthorized"},
		{"no secret", appID, basic("key:"), 401, "unauthorized"},
		{"neither", appID, basic(":"), 401, "unauthorized"},
		{"no colon", appID, basic("key"), 401, "unauthorized"},
		{"not base64", appID, "Basic key:se:cret", 401, "unauthorized"},
		{"scheme alone", appID, "Basic", 401, "unauthorized"},
		{"scheme and space", appID, "Basic ", 401, "unauthorized"},
		{"no scheme", appID, strings.TrimPrefix(good, "Basic "), 401, "unauthorized"},
		{"another scheme", appID, strings.Replace(good, "Basic", "Bearer", 1), 401, "unauthorized"},
		{"agora token", appID, "agora token=007abc", 401, "unauthorized"},
		{"a key of another app", appID, basic("other:other secret"), 401, "unauthorized"},
		{"unknown app, a key of another", unknownApp, good, 401, "app_not_found"},
		{"unknown app, wrong secret", unknownApp, basic("key:secret"), 401, "unauthorized"},
		{"unknown app, nothing", unknownApp, "", 401, "unauthorized"},
		{"no app", "", good, 401, "app_not_found"},
		{"app in upper case", strings.ToUpper(appID), good, 401, "app_not_found"},
		{"app percent-encoded", "%30" + appID[1:], good, 200, "message_sent"},
	}
	r := newRig(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := request("/dev/v2/project/"+c.app+"/rtm/users/alice/peer_messages", object())
			req.Header.Del("Authorization")
			if c.authorization != "" {
				req.Header.Set("Authorization", c.authorization)
			}
			a := r.do(req)
			a.want(t, c.status, c.code)
			if challenged := a.header.Get("WWW-Authenticate") != ""; challenged != (c.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate is %q with status %d", a.header.Get("WWW-Authenticate"), a.status)
			}
		})
	}
}

func TestAStrangerCannotTellWhetherAnAppExists(t *testing.T) {
	r := newRig(t)
	var bodies []string
	for _, app := range []string{appID, "00000000000000000000000000000000"} {
		req := request("/dev/v2/project/"+app+"/rtm/users/alice/peer_messages", object())
		req.SetBasicAuth("key", "guess")
		a := r.do(req)
		bodies = append(bodies, strings.Replace(a.body, a.RequestID, "", 1))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the answers differ: %s and %s", bodies[0], bodies[1])
	}
}

func TestAKeyWithAnEmptyPartLetsNobodyIn(t *testing.T) {
	app := rtmcompat.App{ID: appID, Namespace: namespace, Keys: []rtmcompat.Key{{}, {Key: "key"}, {Secret: "secret"}}}
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: []rtmcompat.App{app}}, nil)
	for _, credentials := range []string{":", "key:", ":secret"} {
		req := request(peerPath("alice"), object())
		req.Header.Set("Authorization", basic(credentials))
		r.do(req).want(t, http.StatusUnauthorized, "unauthorized")
	}
}

func TestCredentialsAreCheckedBeforeTheRest(t *testing.T) {
	r := newRig(t)
	req := request(peerPath(" alice")+"?wait_for_ack=perhaps", "no JSON")
	req.Header.Set("Content-Type", "text/plain")
	req.SetBasicAuth("key", "guess")
	r.do(req).want(t, http.StatusUnauthorized, "unauthorized")
}

func TestOneKeyMayBeGoodForManyApps(t *testing.T) {
	apps := testApps()
	apps[1].Keys = append(apps[1].Keys, apps[0].Keys[0])
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	for _, app := range []string{appID, otherAppID} {
		req := request("/dev/v2/project/"+app+"/rtm/users/alice/peer_messages", object())
		r.do(req).want(t, http.StatusOK, "message_sent")
	}
}
