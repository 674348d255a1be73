package sessions

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// A pausingStore has something happen once, after it has read an inbox.
type pausingStore struct {
	Store
	then atomic.Pointer[func()]
}

// pausing must be called before anybody uses the store.
func (r *rig) pausing() *pausingStore {
	s := &pausingStore{Store: r.sessions.store}
	r.sessions.store = s
	return s
}

func (s *pausingStore) Pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) ([]todevice.Event, bool, error) {
	events, more, err := s.Store.Pending(ctx, inbox, after)
	if then := s.then.Swap(nil); then != nil {
		(*then)()
	}
	return events, more, err
}

// keep sends bob what is stored for him.
func (r *rig) keep(body string) {
	r.t.Helper()
	if code := r.rest("robot", "", map[string]any{"destination": "bob", "payload": body, "enable_offline_messaging": true}); code != "message_sent" {
		r.t.Fatal(code)
	}
}

// wantPeer checks the bodies of the next messages of users.
func (c *client) wantPeer(bodies ...string) {
	c.r.t.Helper()
	for _, want := range bodies {
		if got := c.await("RecvMsgFromPeer").content["MsgBody"]; got != want {
			c.r.t.Errorf("%s got %v, want %s", c.uid, got, want)
		}
	}
	c.wantNoMore("RecvMsgFromPeer")
}

func TestWhatIsFetchedDoesNotOvertakeWhatIsNotStored(t *testing.T) {
	r := newRig(t)
	r.keep("1")
	bob := r.login("bob", "1")
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "2", "enable_offline_messaging": false})
	r.keep("3")
	if got := bob.fetch(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("fetched %q", got)
	}
	bob.wantPeer("2", "3")
}

// The SDK does not fetch again when it comes back.
func TestWhatIsFetchedDuringABreakIsGivenOnce(t *testing.T) {
	r := newRig(t)
	store := r.pausing()
	r.keep("1")
	bob := r.login("bob", "1")
	var again *client
	then := func() { again = r.login("bob", "1") }
	store.then.Store(&then)
	if got := bob.fetch(); len(got) != 0 {
		t.Errorf("the connection that is gone fetched %q", got)
	}
	again.wantPeer("1")
	r.awaitEmptyInbox("bob")
}

func TestWhatIsFetchedTooLateIsGivenOnce(t *testing.T) {
	r := newRig(t)
	store := r.pausing()
	r.keep("1")
	bob := r.login("bob", "1")
	then := func() {
		bob.session().tick(time.Now().Add(fetchTime + time.Second))
		bob.wantPeer("1")
	}
	store.then.Store(&then)
	if got := bob.fetch(); len(got) != 0 {
		t.Errorf("fetched %q, which was given", got)
	}
	r.awaitEmptyInbox("bob")
}

func TestWhatIsFetchedIsWrittenBeforeWhatFollows(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "1")
	ss := bob.session()
	w := &flushed{ResponseRecorder: httptest.NewRecorder(), then: func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if !ss.fetch.holding() {
			t.Error("messages are on their way before the answer")
		}
	}}
	body := `{"uid":"bob","sessId":"` + bob.sessionID + `","appId":"` + appID + `"}`
	r.sessions.offlineMessages().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	if !w.Flushed {
		t.Error("the answer is not written before messages are on their way")
	}
}

type flushed struct {
	*httptest.ResponseRecorder
	then func()
}

func (f *flushed) Flush() { f.ResponseRecorder.Flush(); f.then() }
