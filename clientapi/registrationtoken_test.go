package clientapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

func closed(c *clientapi.Config, _ *sqlite.Options) { c.OpenRegistration = false }

func (d *door) addToken(r todevice.RegistrationToken) {
	d.t.Helper()
	if err := d.store.AddRegistrationToken(d.t.Context(), r); err != nil {
		d.t.Fatal(err)
	}
}

func (d *door) used(token string) (used int) {
	d.t.Helper()
	list, err := d.store.RegistrationTokens(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, r := range list {
		if r.Token == token {
			used = r.Used
		}
	}
	return used
}

func (d *door) askToken(got answer, errcode string) (session string) {
	d.t.Helper()
	d.want(got, http.StatusUnauthorized, errcode)
	if !strings.Contains(got.raw, `"flows":[{"stages":["m.login.registration_token"]}],"params":{}`) {
		d.t.Errorf("got %s", got.raw)
	}
	return got.text("session")
}

func withToken(token, session, rest string) string {
	return fmt.Sprintf(`{"auth":{"type":"m.login.registration_token","token":%q,"session":%q}%s}`, token, session, rest)
}

func TestRegistrationTokenOpensAClosedServer(t *testing.T) {
	d := newDoor(t, closed)
	d.want(d.post("register", `{}`), http.StatusForbidden, "M_FORBIDDEN")
	d.want(d.get("register/available?username=alice", ""), http.StatusForbidden, "M_FORBIDDEN")
	d.addToken(todevice.RegistrationToken{Token: "let-me-in", Uses: 2})
	d.want(d.get("register/available?username=alice", ""), http.StatusOK, "")

	session := d.askToken(d.post("register", `{"username":"alice","password":"secret"}`), "")
	for _, bad := range []string{withToken("Let-me-in", session, ""), withToken("", session, ""), inSession(session, "")} {
		d.askToken(d.post("register", bad), "M_FORBIDDEN")
	}
	done := d.want(d.post("register", withToken("let-me-in", session, "")), http.StatusOK, "")
	d.login("alice", "A2")
	d.want(d.post("register", withToken("let-me-in", "", `,"username":"alice","password":"x"`)), http.StatusBadRequest, "M_USER_IN_USE")
	if used := d.used("let-me-in"); used != 1 {
		t.Errorf("%d uses are counted", used)
	}
	d.want(d.post("register", withToken("let-me-in", "", `,"username":"bob","password":"x"`)), http.StatusOK, "")
	d.want(d.post("register", withToken("let-me-in", "", `,"username":"carol","password":"x"`)), http.StatusForbidden, "M_FORBIDDEN")
	// The finished session has its answer still.
	if again := d.want(d.post("register", withToken("let-me-in", session, "")), http.StatusOK, ""); again.raw != done.raw {
		t.Errorf("got %s, want %s", again.raw, done.raw)
	}
}

func TestLastUseOfARegistrationTokenIsHadByOne(t *testing.T) {
	d := newDoor(t, closed)
	d.addToken(todevice.RegistrationToken{Token: "once", Uses: 1})
	answers := make([]answer, 6)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			answers[i] = d.post("register", withToken("once", "", fmt.Sprintf(`,"username":"user%d","password":"x"`, i)))
		})
	}
	group.Wait()
	made := 0
	for i, got := range answers {
		_, err := d.store.Account(t.Context(), fmt.Sprint("user", i))
		switch {
		case got.status == http.StatusOK && err == nil:
			made++
		case got.status != http.StatusForbidden && got.status != http.StatusUnauthorized || got.errcode() != "M_FORBIDDEN" || err == nil:
			t.Errorf("got %d %s, account %v", got.status, got.raw, err)
		}
	}
	if made != 1 || d.used("once") != 1 {
		t.Errorf("%d accounts, %d uses", made, d.used("once"))
	}
}

func TestSessionThatShowedATokenDoesNotOutliveIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, closed)
		d.addToken(todevice.RegistrationToken{Token: "short", Expires: time.Now().Add(time.Minute)})
		d.addToken(todevice.RegistrationToken{Token: "long"})
		session := d.askToken(d.post("register", `{"username":"alice"}`), "")
		d.want(d.post("register", withToken("short", session, "")), http.StatusBadRequest, "M_MISSING_PARAM") // the stage is passed
		time.Sleep(time.Minute)
		d.want(d.post("register", withToken("short", session, `,"password":"x"`)), http.StatusForbidden, "M_FORBIDDEN")
		d.want(d.post("register", withToken("long", "", `,"username":"alice","password":"x"`)), http.StatusOK, "")
	})
}

func TestValidityOfARegistrationTokenIsTold(t *testing.T) {
	d := newDoor(t, closed)
	validity := func(token string) answer {
		return d.do(http.MethodGet, "/_matrix/client/v1/register/m.login.registration_token/validity?token="+token, "", "")
	}
	d.want(validity("x"), http.StatusForbidden, "M_FORBIDDEN")
	d.addToken(todevice.RegistrationToken{Token: "good"})
	for token, want := range map[string]string{"good": `{"valid":true}`, "bad": `{"valid":false}`} {
		if got := d.want(validity(token), http.StatusOK, ""); got.raw != want {
			t.Errorf("%s: %s", token, got.raw)
		}
	}
	d.want(validity(""), http.StatusBadRequest, "M_MISSING_PARAM")
}

func TestOpenRegistrationAsksForNoToken(t *testing.T) {
	d := newDoor(t)
	d.addToken(todevice.RegistrationToken{Token: "spare", Uses: 1})
	d.begin(`{"username":"alice","password":"x"}`)
	d.register("alice", "A1")
	if d.used("spare") != 0 {
		t.Error("a use was counted")
	}
}
