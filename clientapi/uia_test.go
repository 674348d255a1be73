package clientapi_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// begin makes a request without auth and gives the session it is offered.
func (d *door) begin(body string) string {
	d.t.Helper()
	return d.session(d.want(d.post("register", body), http.StatusUnauthorized, ""))
}

// session checks that an answer tells how to authenticate, and gives its session.
func (d *door) session(got answer) string {
	d.t.Helper()
	if flows := fmt.Sprint(got.body["flows"]); flows != "[map[stages:[m.login.dummy]]]" {
		d.t.Errorf("flows %s", flows)
	}
	if params := fmt.Sprint(got.body["params"]); params != "map[]" {
		d.t.Errorf("params %s", params)
	}
	if got.text("session") == "" {
		d.t.Fatalf("no session in %s", got.raw)
	}
	return got.text("session")
}

func inSession(session, rest string) string {
	return fmt.Sprintf(`{"auth":{"type":"m.login.dummy","session":%q}%s}`, session, rest)
}

func TestUIARequestsWithoutAuthGetASessionOfTheirOwn(t *testing.T) {
	d := newDoor(t)
	seen := map[string]bool{}
	for _, body := range []string{`{}`, `{"auth":{}}`, `{"auth":null}`, `{"username":"a","password":"x"}`} {
		session := d.begin(body)
		if seen[session] {
			t.Errorf("%s got the session of another", body)
		}
		seen[session] = true
	}
}

func TestUIASessionRemembersTheFirstRequest(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"Alice","password":"secret","device_id":"xyzzy","initial_device_display_name":"Phone"}`)
	got := d.client(d.post("register", inSession(session, "")))
	if got.user != "@alice:chappe.test" || got.device != "xyzzy" {
		t.Errorf("got %+v", got)
	}
	if name := d.get("devices/xyzzy", got.token).text("display_name"); name != "Phone" {
		t.Errorf("display name %q", name)
	}
	d.login("alice", "other")

	session = d.begin(`{"username":"bob","password":"secret","inhibit_login":true}`)
	if got := d.want(d.post("register", inSession(session, "")), http.StatusOK, ""); got.text("access_token") != "" {
		t.Errorf("inhibit_login was forgotten: %v", keys(got.body))
	}
}

func TestUIASessionTakesWhatALaterRequestAdds(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"alice","password":"first","device_id":"A1","inhibit_login":true}`)
	got := d.client(d.post("register", inSession(session,
		`,"username":"bob","password":"secret","device_id":"B1","inhibit_login":false`)))
	if got.user != "@bob:chappe.test" || got.device != "B1" || got.token == "" {
		t.Errorf("got %+v", got)
	}
	d.login("bob", "B2")
}

func TestUIAFinishedSessionGivesTheSameAnswerAgain(t *testing.T) {
	for name, first := range map[string]string{"named": `{"username":"alice","password":"x"}`, "unnamed": `{"password":"x"}`} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			session := d.begin(first)
			want := d.want(d.post("register", inSession(session, "")), http.StatusOK, "")
			for _, body := range []string{
				inSession(session, ""),
				inSession(session, ","+first[1:len(first)-1]),
				`{"auth":{"session":"` + session + `"}}`,
			} {
				if got := d.want(d.post("register", body), http.StatusOK, ""); got.raw != want.raw {
					t.Errorf("got %s, want %s", got.raw, want.raw)
				}
			}
		})
	}
}

func TestUIASessionFinishedTwiceAtOnceMakesOneAccount(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"password":"x"}`)
	answers := make([]answer, 8)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = d.post("register", inSession(session, "")) })
	}
	group.Wait()
	for _, got := range answers {
		if d.want(got, http.StatusOK, ""); got.raw != answers[0].raw {
			t.Errorf("got %s and %s", got.raw, answers[0].raw)
		}
	}
}

func TestUIAFailedStageTellsBothTheFaultAndTheWay(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"alice","password":"x"}`)
	for _, auth := range []string{
		`{"type":"m.login.password","session":"` + session + `"}`,
		`{"type":"m.login.password"}`,
		`{"type":"m.login.dummy","session":"never given out"}`,
		`{"session":"never given out"}`,
	} {
		got := d.want(d.post("register", `{"auth":`+auth+`}`), http.StatusUnauthorized, "M_FORBIDDEN")
		if d.session(got); got.text("error") == "" {
			t.Errorf("no error in %s", got.raw)
		}
	}
	d.client(d.post("register", inSession(session, ""))) // the session itself took no harm
}

func TestUIAUnknownSessionIsReplacedByOneThatWorks(t *testing.T) {
	d := newDoor(t)
	got := d.want(d.post("register", inSession("lost in a restart", `,"username":"alice","password":"x"`)),
		http.StatusUnauthorized, "M_FORBIDDEN")
	if got := d.client(d.post("register", inSession(d.session(got), ""))); got.user != "@alice:chappe.test" {
		t.Errorf("got %+v", got)
	}
}

func TestUIAWithSessionOnlyDoesNotSkipTheStage(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"alice","password":"x"}`)
	got := d.want(d.post("register", `{"auth":{"session":"`+session+`"}}`), http.StatusUnauthorized, "")
	if d.session(got) != session {
		t.Errorf("the session changed: %s", got.raw)
	}
}

func TestUIANameTakenMeanwhileIsToldAtTheEnd(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"alice","password":"x"}`)
	d.register("alice", "A1")
	d.want(d.post("register", inSession(session, "")), http.StatusBadRequest, "M_USER_IN_USE")
	got := d.client(d.post("register", inSession(session, `,"username":"alice2"`)))
	if got.user != "@alice2:chappe.test" {
		t.Errorf("got %+v", got)
	}
}

func TestUIAFailedRegistrationDoesNotFinishTheSession(t *testing.T) {
	d := newDoor(t)
	session := d.begin(`{"username":"alice"}`)
	d.want(d.post("register", inSession(session, "")), http.StatusBadRequest, "M_MISSING_PARAM")
	d.client(d.post("register", inSession(session, `,"password":"x"`)))
}

func TestUIASessionLivesForFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		kept, lost := d.begin(`{"username":"a","password":"x"}`), d.begin(`{"username":"b","password":"x"}`)
		time.Sleep(15 * time.Minute)
		d.want(d.post("register", inSession(kept, "")), http.StatusOK, "")
		time.Sleep(time.Hour)
		d.want(d.post("register", inSession(lost, "")), http.StatusUnauthorized, "M_FORBIDDEN")
	})
}
