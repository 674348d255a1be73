package rtmcompat_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// events asks for a stream of events, "user" or "channel", with a key of the app.
func events(kind, query string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/dev/v2/project/"+appID+"/rtm/vendor/"+kind+"_events"+query, nil)
	r.SetBasicAuth("key", "se:cret")
	return r
}

// told is what an answer tells.
type told struct {
	users string // one after another
	Next  *string
	Lost  *bool
}

func (a answer) told(t *testing.T) told {
	t.Helper()
	var body struct {
		told
		Events []struct {
			UserID string `json:"user_id"`
		}
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	for _, e := range body.Events {
		body.users += e.UserID
	}
	return body.told
}

// logIn records a login of each user, whose names are single letters.
func (r *rig) logIn(users string) {
	r.t.Helper()
	var logins []todevice.RTMEvent
	for _, user := range users {
		logins = append(logins, todevice.RTMEvent{App: appID, Type: todevice.RTMLogin, User: string(user)})
	}
	if err := r.store.RecordRTMEvents(r.t.Context(), logins...); err != nil {
		r.t.Error(err)
	}
}

// read reads on from a cursor, and gives whose events there were and the next cursor.
func (r *rig) readEvents(after, query string) (users, next string, lost bool) {
	r.t.Helper()
	got := r.do(events("user", "?after="+url.QueryEscape(after)+query)).told(r.t)
	if got.Next == nil || got.Lost == nil {
		r.t.Fatal("the answer has no next or lost")
	}
	return got.users, *got.Next, *got.Lost
}

func TestEventsHaveTheNamesOfBothGenerations(t *testing.T) {
	r := newRig(t)
	at := time.UnixMilli(1578027420761)
	err := r.store.RecordRTMEvents(t.Context(),
		todevice.RTMEvent{App: appID, Type: todevice.RTMLogin, User: "u", At: at},
		todevice.RTMEvent{App: appID, Type: todevice.RTMLogout, User: "u", At: at},
		todevice.RTMEvent{App: appID, Type: todevice.RTMJoin, User: "u", Channel: "room", At: at},
		todevice.RTMEvent{App: appID, Type: todevice.RTMLeave, User: "u", Channel: "room", At: at})
	if err != nil {
		t.Fatal(err)
	}
	for kind, types := range map[string][]string{"user": {"Login", "Logout"}, "channel": {"Join", "Leave"}} {
		a := r.do(events(kind, ""))
		want := map[string]any{"result": "success", "request_id": a.RequestID}
		var list []any
		for _, name := range types {
			e := map[string]any{"user_id": "u", "type": name, "ms": 1578027420761.0, "ts": 1578027420761.0}
			if kind == "channel" {
				e["group_id"], e["channel_id"] = "room", "room"
			}
			list = append(list, e)
		}
		want["events"] = list
		var got map[string]any
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %s, want %v", a.body, want)
		}
		if a := r.do(events(kind, "")); !strings.Contains(a.body, `"events":[]`) {
			t.Errorf("the second drain gives %s", a.body)
		}
	}
}

func TestAReaderAndTheDrainDoNotDisturbEachOther(t *testing.T) {
	r := newRig(t)
	r.logIn("ab")
	users, next, _ := r.readEvents("", "")
	if again, same, _ := r.readEvents("", ""); users != "ab" || again != "ab" || same != next {
		t.Errorf("read %q to %s, then %q to %s", users, next, again, same)
	}
	if got := r.do(events("user", "")).told(t); got.users != "ab" || got.Next != nil || got.Lost != nil {
		t.Errorf("drained %+v", got)
	}
	r.logIn("c")
	if users, _, lost := r.readEvents(next, ""); users != "c" || lost {
		t.Errorf("read on: %q, lost %t", users, lost)
	}
	if users, _, _ := r.readEvents("", ""); users != "abc" {
		t.Errorf("read again: %q", users)
	}
	if got := r.do(events("user", "")).told(t); got.users != "c" {
		t.Errorf("drained %+v", got)
	}
}

func TestAReaderHearsWhetherSomethingWasLost(t *testing.T) {
	r := newRig(t)
	_, beginning, _ := r.readEvents("", "")
	other := newRig(t)
	other.logIn("x")
	_, elsewhere, _ := other.readEvents("", "")
	r.logIn("a")
	if users, next, lost := r.readEvents(elsewhere, "&wait=60"); users != "a" || !lost || next == elsewhere {
		t.Errorf("by a cursor of another database: %q, lost %t", users, lost)
	}
	if users, _, lost := r.readEvents(beginning, ""); users != "a" || lost {
		t.Errorf("with nothing lost: %q, lost %t", users, lost)
	}
	r.logIn(strings.Repeat("b", 2000))
	users, next, lost := r.readEvents(beginning, "")
	if users != strings.Repeat("b", 1000) || !lost {
		t.Errorf("%d events, lost %t", len(users), lost)
	}
	if users, _, lost := r.readEvents(next, ""); len(users) != 1000 || lost {
		t.Errorf("%d events, lost %t", len(users), lost)
	}
}

func TestAReaderMayWaitForAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		_, next, _ := r.readEvents("", "&wait=0")
		began := time.Now()
		if users, again, lost := r.readEvents(next, "&wait=60"); users != "" || again != next || lost || time.Since(began) != time.Minute {
			t.Errorf("nobody came: %q, %s after %s, lost %t, after %v", users, again, next, lost, time.Since(began))
		}
		go func() {
			time.Sleep(20 * time.Second)
			err := r.store.RecordRTMEvents(t.Context(), todevice.RTMEvent{App: appID, Type: todevice.RTMJoin, User: "c", Channel: "c"})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(20 * time.Second)
			r.logIn("a")
		}()
		began = time.Now()
		if users, _, _ := r.readEvents(next, "&wait=60"); users != "a" || time.Since(began) != 40*time.Second {
			t.Errorf("%q came after %v", users, time.Since(began))
		}
		began = time.Now()
		if users, _, _ := r.readEvents(next, "&wait=60"); users != "a" || time.Since(began) != 0 {
			t.Errorf("%q, which was there, came after %v", users, time.Since(began))
		}
	})
}

// Events come while readers are at every point between the look and the wait.
func TestNoEventFallsBetweenLookAndWait(t *testing.T) {
	r := newRig(t)
	const users = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
	go func() {
		for _, user := range users {
			r.logIn(string(user))
		}
	}()
	var got string
	for next := ""; len(got) < len(users); {
		began := time.Now()
		var more string
		more, next, _ = r.readEvents(next, "&wait=60")
		if got += more; time.Since(began) > 30*time.Second {
			t.Fatal("an event was missed")
		}
	}
	if got != users {
		t.Errorf("got %s", got)
	}
}

func TestEventsTakeAKeyUnlessTheyAreOpen(t *testing.T) {
	apps := testApps()
	apps[1].OpenEvents = true
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	for _, c := range []struct {
		name   string
		app    rtmtoken.App
		status int
	}{
		{"closed", rtmtoken.App{ID: appID, Certificate: certificate}, bad},
		{"open", rtmtoken.App{ID: otherAppID, Certificate: otherCertificate}, good},
		{"open, by a token of another app", rtmtoken.App{ID: otherAppID, Certificate: certificate}, bad},
	} {
		for _, kind := range []string{"user", "channel"} {
			for _, query := range []string{"", "?after="} {
				req := httptest.NewRequest(http.MethodGet, "/dev/v2/project/"+c.app.ID+"/rtm/vendor/"+kind+"_events"+query, nil)
				req.Header.Set("Authorization", "agora token="+tokenOf(t, rtmtoken.V007, c.app, "u", time.Now()))
				if a := r.do(req); a.status != c.status {
					t.Errorf("%s, %s%s: %d %s", c.name, kind, query, a.status, a.body)
				}
			}
		}
	}
	if a := r.do(httptest.NewRequest(http.MethodGet, "/dev/v2/project/"+otherAppID+"/rtm/vendor/user_events", nil)); a.status != bad {
		t.Errorf("open to nobody in particular: %d", a.status)
	}
}

func TestBadEventQueriesAreRefused(t *testing.T) {
	r := newRig(t)
	r.logIn("a")
	for _, query := range []string{"?wait=1", "?after=&wait=61", "?after=&wait=-1", "?after=&wait=1.5", "?after=&wait=", "?after=&after=", "?after=&wait=1&wait=1",
		"?after=1", "?after=_1", "?after=0123456_1", "?after=0123456g_1", "?after=01234567_-1", "?after=01234567_", "?after=01234567_9223372036854775808", "?after=%zz", "?%zz"} {
		r.do(events("user", query)).want(t, http.StatusBadRequest, "invalid_parameter")
	}
	if got := r.do(events("user", "?limit=5&x")).told(t); got.users != "a" {
		t.Errorf("a bad query has taken events, or an unknown parameter was refused: %+v", got)
	}
}

// The epoch seals the handles of history queries.
func TestCursorsShowNothingOfTheEpoch(t *testing.T) {
	r := newRig(t)
	_, next, _ := r.readEvents("", "")
	shown, _, _ := strings.Cut(next, "_")
	if strings.Contains(hex.EncodeToString(r.store.Epoch()), shown) {
		t.Errorf("the cursor %s has a part of the epoch", next)
	}
}
