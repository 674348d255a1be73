package rtmcompat_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
	"github.com/chappe-im/chappe/storage/sqlite"
)

var formats = []rtmtoken.Format{rtmtoken.V006, rtmtoken.V007}

// token makes a token of the app that is good for an hour.
func token(t *testing.T, format rtmtoken.Format, uid string) string {
	t.Helper()
	return tokenOf(t, format, rtmtoken.App{ID: appID, Certificate: certificate}, uid, time.Now())
}

// tokenOf makes a token that is good for an hour.
func tokenOf(t *testing.T, format rtmtoken.Format, app rtmtoken.App, uid string, made time.Time) string {
	t.Helper()
	token, err := rtmtoken.Build(format, app, uid, made, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// requestWith makes a good POST with headers in the place of the key: pairs of a name and
// a value.
func requestWith(target, body string, headers ...string) *http.Request {
	r := request(target, body)
	r.Header.Del("Authorization")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const (
	good = http.StatusOK
	bad  = http.StatusUnauthorized
)

func TestATokenMayComeInEachFormOfTheVendors(t *testing.T) {
	old, new, bobs := token(t, rtmtoken.V006, "alice"), token(t, rtmtoken.V007, "alice"), token(t, rtmtoken.V007, "bob")
	key, wrongKey := basic("key:se:cret"), basic("key:guess")
	cases := []struct {
		name    string
		status  int
		headers []string
	}{
		{"anyRTC 006", good, []string{"x-ar-token", old, "x-ar-uid", "alice"}},
		{"anyRTC 007", good, []string{"x-ar-token", new, "x-ar-uid", "alice"}},
		{"Agora 006", good, []string{"x-agora-token", old, "x-agora-uid", "alice"}},
		{"Agora 007", good, []string{"x-agora-token", new, "x-agora-uid", "alice"}},
		{"names in upper case", good, []string{"X-AR-TOKEN", old, "X-AR-UID", "alice"}},
		{"agora scheme", good, []string{"Authorization", "agora token=" + new}},
		{"agora scheme in upper case", good, []string{"Authorization", "AGORA token=" + new}},
		{"agora scheme, 006 with an uid", good, []string{"Authorization", "agora token=" + old, "x-agora-uid", "alice"}},
		{"all that a shipped client sends", good, []string{"x-agora-token", new, "x-agora-uid", "alice", "Authorization", "agora token=" + new}},
		{"both vendors' names, the same", good, []string{"x-ar-token", old, "x-ar-uid", "alice", "x-agora-token", old, "x-agora-uid", "alice"}},
		{"one name of each vendor", good, []string{"x-ar-token", old, "x-agora-uid", "alice"}},
		{"the same twice", good, []string{"x-ar-token", old, "x-ar-token", old, "x-ar-uid", "alice"}},
		{"wrong key, good token", good, []string{"Authorization", wrongKey, "x-ar-token", old, "x-ar-uid", "alice"}},
		{"key of another app, good token", good, []string{"Authorization", basic("other:other secret"), "x-ar-token", old, "x-ar-uid", "alice"}},
		{"good key, bad token", good, []string{"Authorization", key, "x-ar-token", "006", "x-ar-uid", "alice"}},
		{"good key, token of another", good, []string{"Authorization", key, "x-ar-token", bobs, "x-ar-uid", "bob"}},
		{"good key, two tokens", good, []string{"Authorization", key, "x-ar-token", old, "x-agora-token", new}},
		{"good headers, bad agora scheme", good, []string{"x-ar-token", old, "x-ar-uid", "alice", "Authorization", "agora token=006"}},

		{"no uid", bad, []string{"x-ar-token", old}},
		{"no uid, 007", bad, []string{"x-ar-token", new}},
		{"empty uid", bad, []string{"x-ar-token", new, "x-ar-uid", ""}},
		{"no token", bad, []string{"x-ar-uid", "alice"}},
		{"empty token", bad, []string{"x-ar-token", "", "x-ar-uid", "alice"}},
		{"another uid", bad, []string{"x-ar-token", old, "x-ar-uid", "bob"}},
		{"another uid, 007", bad, []string{"x-ar-token", new, "x-ar-uid", "bob"}},
		{"uid in another case", bad, []string{"x-ar-token", new, "x-ar-uid", "Alice"}},
		{"uid percent-encoded", bad, []string{"x-ar-token", new, "x-ar-uid", "%61lice"}},
		{"token and uid of another", bad, []string{"x-ar-token", bobs, "x-ar-uid", "bob"}},
		{"two tokens", bad, []string{"x-ar-token", old, "x-ar-uid", "alice", "x-agora-token", new, "x-agora-uid", "alice"}},
		{"two uids", bad, []string{"x-ar-token", old, "x-ar-uid", "alice", "x-agora-token", old, "x-agora-uid", "bob"}},
		{"two tokens under one name", bad, []string{"x-ar-token", old, "x-ar-token", new, "x-ar-uid", "alice"}},
		{"bad headers, good agora scheme", bad, []string{"x-ar-token", "006", "x-ar-uid", "alice", "Authorization", "agora token=" + new}},
		{"two tokens, good agora scheme", bad, []string{"x-ar-token", new, "x-agora-token", old, "x-ar-uid", "alice", "Authorization", "agora token=" + new}},
		{"two uids, good agora scheme", bad, []string{"x-ar-uid", "alice", "x-agora-uid", "bob", "Authorization", "agora token=" + new}},
		{"agora scheme, 006", bad, []string{"Authorization", "agora token=" + old}},
		{"agora scheme, another uid", bad, []string{"Authorization", "agora token=" + new, "x-agora-uid", "bob"}},
		{"agora scheme, token of another", bad, []string{"Authorization", "agora token=" + bobs}},
		{"agora scheme without the name", bad, []string{"Authorization", "agora " + new}},
		{"agora scheme, no token", bad, []string{"Authorization", "agora token="}},
		{"agora scheme alone", bad, []string{"Authorization", "agora"}},
		{"another scheme", bad, []string{"Authorization", "Bearer " + new}},
		{"token as the key's secret", bad, []string{"Authorization", basic("alice:" + old)}},
		{"garbage", bad, []string{"x-ar-token", "%00\xff", "x-ar-uid", "alice"}},
		{"very long", bad, []string{"x-ar-token", strings.Repeat(old, 200), "x-ar-uid", "alice"}},
	}
	r := newRig(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := r.do(requestWith(peerPath("alice"), object(), c.headers...))
			a.want(t, c.status, map[int]string{good: "message_sent", bad: "unauthorized"}[c.status])
			if challenged := a.header.Get("WWW-Authenticate") != ""; challenged != (c.status == bad) {
				t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
			}
			for _, token := range []string{old, new, bobs} {
				if strings.Contains(r.log.String()+a.body, token[len(token)-20:]) {
					t.Errorf("a token is in the log or in the answer: %s %s", r.log, a.body)
				}
			}
		})
	}
}

func TestATokenIsOfAnAppItsCertificateAndATime(t *testing.T) {
	mine, other := rtmtoken.App{ID: appID, Certificate: certificate}, rtmtoken.App{ID: otherAppID, Certificate: otherCertificate}
	now := time.Now()
	const wrong = "the credentials are missing or wrong"
	cases := []struct {
		name    string
		app     rtmtoken.App
		uid     string
		made    time.Time
		message string
		reason  string // in the log
	}{
		{"good", mine, "alice", now, "", ""},
		{"of another app", other, "alice", now, wrong, "app_mismatch"},
		{"with the certificate of another app", rtmtoken.App{ID: appID, Certificate: otherCertificate}, "alice", now, wrong, "bad_signature"},
		{"for another app with this certificate", rtmtoken.App{ID: otherAppID, Certificate: certificate}, "alice", now, wrong, "app_mismatch"},
		{"of an unknown app", rtmtoken.App{ID: strings.Repeat("0", 32), Certificate: certificate}, "alice", now, wrong, "app_mismatch"},
		{"expired", mine, "alice", now.Add(-2 * time.Hour), "the token has expired", "expired"},
		{"not yet valid", mine, "alice", now.Add(time.Hour), "the token is not valid yet: is the clock right where it was made?", "not_yet_valid"},
		{"expired, with another certificate", rtmtoken.App{ID: appID, Certificate: otherCertificate}, "alice", now.Add(-2 * time.Hour), wrong, "bad_signature"},
		{"of another user", mine, "bob", now, "the token is for another user", "another user than that in the path"},
	}
	r := newRig(t)
	for _, format := range formats {
		for _, c := range cases {
			t.Run(string(format)+" "+c.name, func(t *testing.T) {
				r.log.Reset()
				a := r.do(requestWith(peerPath("alice"), object(), "x-ar-token", tokenOf(t, format, c.app, c.uid, c.made), "x-ar-uid", c.uid))
				if c.message == "" {
					a.want(t, http.StatusOK, "message_sent")
				} else {
					a.want(t, http.StatusUnauthorized, "unauthorized")
				}
				if a.Message != c.message {
					t.Errorf("the message is %q, want %q", a.Message, c.message)
				}
				log := r.log.String()
				if (c.reason == "") != (log == "") || !strings.Contains(log, c.reason) || log != "" && !strings.Contains(log, a.RequestID) {
					t.Errorf("the log is %q, want the reason %q", log, c.reason)
				}
			})
		}
	}
}

func TestATokenEndsWhileItIsInUse(t *testing.T) {
	for _, format := range formats {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			made := token(t, format, "alice")
			send := func() answer {
				return r.do(requestWith(peerPath("alice"), object(), "x-ar-token", made, "x-ar-uid", "alice"))
			}
			time.Sleep(time.Hour)
			send().want(t, http.StatusOK, "message_sent")
			time.Sleep(time.Second)
			send().want(t, http.StatusUnauthorized, "unauthorized")
		})
	}
}

// With an empty certificate anyone could sign.
func TestAnAppWithoutCertificateTakesKeysAlone(t *testing.T) {
	apps := testApps()
	apps[0].Certificate = ""
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	for _, format := range formats {
		a := r.do(requestWith(peerPath("alice"), object(), "x-ar-token", token(t, format, "alice"), "x-ar-uid", "alice"))
		a.want(t, http.StatusUnauthorized, "unauthorized")
	}
	r.do(request(peerPath("alice"), object())).want(t, http.StatusOK, "message_sent")
}

func TestATokenTellsNothingOfWhichAppsExist(t *testing.T) {
	r := newRig(t)
	const unknown = "00000000000000000000000000000000"
	forged := rtmtoken.App{Certificate: strings.Repeat("f", 32)}
	for _, format := range formats {
		var bodies []string
		for _, app := range []string{appID, unknown} {
			forged.ID = app
			path := strings.Replace(peerPath("alice"), appID, app, 1)
			a := r.do(requestWith(path, object(), "x-ar-token", tokenOf(t, format, forged, "alice", time.Now()), "x-ar-uid", "alice"))
			a.want(t, http.StatusUnauthorized, "unauthorized")
			bodies = append(bodies, strings.Replace(a.body, a.RequestID, "", 1))
		}
		if bodies[0] != bodies[1] {
			t.Errorf("the answers differ: %s and %s", bodies[0], bodies[1])
		}
	}
}

func TestTheUserOfATokenIsThatInThePath(t *testing.T) {
	uids := []string{"Alice", "a b", "@bob:example.org", ".", "..", "%41", "a+b", "!#$%&()+-:;<=.>?@[]^_{}|~,'", strings.Repeat("x", 64)}
	for _, uid := range uids {
		t.Run(uid, func(t *testing.T) {
			r := newRig(t)
			to := r.device(namespace+"bob", "RTM")
			for _, format := range formats {
				body := object("enable_offline_messaging", true)
				r.do(requestWith(peerPath(uid), body, "x-ar-token", token(t, format, uid), "x-ar-uid", uid)).want(t, http.StatusOK, "message_sent")
				r.do(requestWith(peerPath(uid+"x"), body, "x-ar-token", token(t, format, uid), "x-ar-uid", uid)).want(t, http.StatusUnauthorized, "unauthorized")
			}
			events := r.pending(to)
			if len(events) != len(formats) || events[0].Content.From != uid {
				t.Errorf("what arrived is %+v, want two messages from %q", events, uid)
			}
		})
	}
}

func TestATokenIsCheckedBeforeTheRest(t *testing.T) {
	r := newRig(t)
	for headers, status := range map[[4]string]int{
		{"x-ar-token", token(t, rtmtoken.V006, "alice"), "x-ar-uid", "alice"}: http.StatusUnsupportedMediaType,
		{"x-ar-token", token(t, rtmtoken.V006, "bob"), "x-ar-uid", "bob"}:     http.StatusUnauthorized,
	} {
		req := requestWith(peerPath("alice"), "no JSON", headers[:]...)
		req.Header.Set("Content-Type", "text/plain")
		if a := r.do(req); a.status != status {
			t.Errorf("got %d %s, want %d", a.status, a.body, status)
		}
	}
}
