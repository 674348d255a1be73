package rtmcompat_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestAHandleIsOfTheAppAndTheCredentialThatMadeIt(t *testing.T) {
	apps := testApps()
	apps[1].Keys = append(apps[1].Keys, apps[0].Keys[0])
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	r.tell("ann", "bob", "hello")
	body := query(filter("source", "ann"))
	byKey, _ := r.ask(request(historyPath+"/query", body))
	byToken, _ := r.ask(as(t, "ann", request(historyPath+"/query", body)))
	secondKey := get(byKey)
	secondKey.SetBasicAuth("second", "s2")
	newToken := get(byToken)
	newToken.Header.Del("Authorization")
	newToken.Header.Set("Authorization", "agora token="+token(t, rtmtoken.V007, "ann"))
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"the same key":              {get(byKey), 200, "ok"},
		"again":                     {get(byKey), 200, "ok"},
		"another key":               {secondKey, 404, "not_found"},
		"a user":                    {as(t, "ann", get(byKey)), 404, "not_found"},
		"the same user":             {as(t, "ann", get(byToken)), 200, "ok"},
		"another token of theirs":   {newToken, 200, "ok"},
		"another user":              {as(t, "bob", get(byToken)), 404, "not_found"},
		"a key, a user's handle":    {get(byToken), 404, "not_found"},
		"the same key, another app": {get(strings.Replace(byKey, appID, otherAppID, 1)), 404, "not_found"},
	} {
		a := r.do(c.request)
		if a.status != c.status || a.Code != c.code {
			t.Errorf("%s: got %d %s", name, a.status, a.body)
		}
	}
}

func TestWhatIsNoHandleIsNotFound(t *testing.T) {
	r := newRig(t)
	path, _ := r.ask(request(historyPath+"/query", query(filter("source", "ann"))))
	handle := path[strings.LastIndex(path, "/")+1:]
	raw, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		r.do(get(historyPath+"/query/"+base64.RawURLEncoding.EncodeToString(raw))).want(t, http.StatusNotFound, "not_found")
		raw[i] ^= 1
	}
	for _, wrong := range []string{
		"x", "MjIzMDA3OjEyODA5MzkyOQ==", handle[1:], handle[:len(handle)-1], handle + "=", handle + "A", handle + "%00", "%FF", "%zz", "%2F",
		handle[:43], strings.Repeat("A", 5000), "",
	} {
		req := get(historyPath + "/query/x")
		req.URL.Path, req.URL.RawPath = historyPath+"/query/"+wrong, historyPath+"/query/"+wrong
		r.do(req).want(t, http.StatusNotFound, "not_found")
	}
	r.do(get(path)).want(t, http.StatusOK, "ok")
}

func TestAHandleLivesForAnHourAndOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		path, _ := r.ask(request(historyPath+"/query", query(filter("source", "ann"))))
		time.Sleep(time.Hour - time.Millisecond)
		router := httpapi.NewRouter()
		cfg := rtmcompat.Config{ServerName: serverName, Apps: testApps()}
		rtmcompat.New(cfg, r.store, nil, r.notifier, channels.New(), logrus.NewEntry(logrus.New())).Routes(router)
		r.handler = router
		r.do(get(path)).want(t, http.StatusOK, "ok")
		time.Sleep(time.Millisecond)
		r.do(get(path)).want(t, http.StatusNotFound, "not_found")
	})
}

func TestAnotherDatabaseTakesNoHandle(t *testing.T) {
	one, other := newRig(t), newRig(t)
	path, _ := one.ask(request(historyPath+"/query", query(filter("source", "ann"))))
	other.do(get(path)).want(t, http.StatusNotFound, "not_found")
}
