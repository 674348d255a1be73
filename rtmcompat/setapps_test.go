package rtmcompat_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestAppsAreReplacedWhileTheDoorIsOpen(t *testing.T) {
	r := newRig(t)
	byKey := func(secret string) *http.Request {
		req := request(peerPath("alice"), object())
		req.SetBasicAuth("key", secret)
		return req
	}
	byToken := func(certificate string) *http.Request {
		token := tokenOf(t, rtmtoken.V006, rtmtoken.App{ID: appID, Certificate: certificate}, "alice", time.Now())
		return requestWith(peerPath("alice"), object(), "x-ar-token", token, "x-ar-uid", "alice")
	}
	check := func(good, other string) {
		t.Helper()
		for _, c := range []struct {
			request *http.Request
			status  int
			code    string
		}{
			{byKey("secret " + good), 200, "message_sent"}, {byKey("secret " + other), 401, "unauthorized"},
			{byToken(good), 200, "message_sent"}, {byToken(other), 401, "unauthorized"},
		} {
			r.do(c.request).want(t, c.status, c.code)
		}
	}
	app := func(certificate string) []rtmcompat.App {
		return []rtmcompat.App{{ID: appID, Certificate: certificate, Namespace: namespace,
			Keys: []rtmcompat.Key{{Key: "key", Secret: "secret " + certificate}}}}
	}
	for range 2 {
		r.door.SetApps(app(certificate))
		check(certificate, otherCertificate)
		r.door.SetApps(app(otherCertificate))
		check(otherCertificate, certificate)
	}
	r.door.SetApps(nil)
	r.do(byKey("secret "+otherCertificate)).want(t, 401, "unauthorized")
	if _, ok := r.door.App(appID); ok {
		t.Error("the app is still there")
	}
}

// The name of a user belongs to the app of the longer namespace, also to one that came
// later.
func TestAnAppThatIsAddedTakesItsNamespace(t *testing.T) {
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: testApps()[1:]}, nil)
	other, _ := r.door.App(otherAppID)
	if _, err := r.door.User(other, "rtmDemoAlice"); err != nil {
		t.Fatal(err)
	}
	r.door.SetApps(testApps())
	if user, err := r.door.User(other, "rtmDemoAlice"); err == nil {
		t.Errorf("the other app has %v", user)
	}
}

// With -race this shows that apps can be replaced whatever else goes on.
func TestAKeyThatStaysIsTakenWhileAppsAreReplaced(t *testing.T) {
	r := newRig(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range 100 {
			r.door.SetApps(testApps()[:1+i%2])
		}
	})
	for range 20 {
		r.do(request(peerPath("alice"), object())).want(t, 200, "message_sent")
	}
	wait.Wait()
}
