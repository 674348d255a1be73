package rtmcompat_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/wire"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// channelPath is the path to send to channels from an uid.
func channelPath(uid string) string {
	return "/dev/v2/project/" + appID + "/rtm/users/" + url.PathEscape(uid) + "/channel_messages"
}

// A session is a member of channels that notes what is said there.
type session struct {
	uid string

	mu   sync.Mutex
	said []string // guarded by mu
}

func (s *session) UID() string { return s.uid }

func (s *session) Push(frame []byte) {
	cmd, content, err := wire.Parse(frame)
	var m struct{ ChanId, FromUId, MsgBody string }
	if err != nil || json.Unmarshal(content, &m) != nil || cmd != "RecvMsgFromChan" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, m.ChanId+" "+m.FromUId+": "+m.MsgBody)
}

// join makes a session in a channel of the app.
func (r *rig) join(channel, uid string) *session {
	r.t.Helper()
	s := &session{uid: uid}
	if _, err := r.hub.Join(appID, channel, s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (s *session) want(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.said, "|"); got != strings.Join(want, "|") {
		t.Errorf("%s was told %q, want %q", s.uid, got, want)
	}
}

func channelBody(pairs ...any) string {
	return object(append([]any{"channel_name", "room", "payload", "hello"}, pairs...)...)
}

func TestChannelMessageReachesTheMembersButItsSender(t *testing.T) {
	r := newRig(t)
	alice, bob, other := r.join("room", "alice"), r.join("room", "bob"), r.join("other", "cat")
	r.do(request(channelPath("alice"), channelBody())).want(t, http.StatusOK, "message_sent")
	r.do(request(channelPath("Backend 1"), channelBody("payload", "of nobody's"))).want(t, http.StatusOK, "message_sent")
	r.do(request(channelPath("alice"), channelBody("channel_name", "empty"))).want(t, http.StatusOK, "message_sent")
	bob.want(t, "room alice: hello", "room Backend 1: of nobody's")
	alice.want(t, "room Backend 1: of nobody's")
	other.want(t)
}

func TestChannelMessageWithAKeyIsSaidOnce(t *testing.T) {
	r := newRig(t)
	bob := r.join("room", "bob")
	keyed := func(target, body string) *http.Request {
		req := request(target, body)
		req.Header.Set("Idempotency-Key", "k")
		return req
	}
	with := func(target, body string) answer { return r.do(keyed(target, body)) }
	var answers [3]*httptest.ResponseRecorder
	var group sync.WaitGroup
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		group.Go(func() { r.handler.ServeHTTP(answers[i], keyed(channelPath("alice"), channelBody())) })
	}
	group.Wait()
	for _, a := range answers {
		if a.Code != http.StatusOK || a.Body.String() != answers[0].Body.String() {
			t.Errorf("the answer is %d %s, another %s", a.Code, a.Body, answers[0].Body)
		}
	}
	with(channelPath("alice"), channelBody()).want(t, http.StatusOK, "message_sent")
	bob.want(t, "room alice: hello")
	with(channelPath("alice"), channelBody("payload", "other")).want(t, http.StatusConflict, "conflict")
	with(channelPath("alice"), channelBody("channel_name", "other")).want(t, http.StatusConflict, "conflict")
	with(peerPath("alice"), object()).want(t, http.StatusConflict, "conflict")
	bob.want(t, "room alice: hello")
	with(channelPath("carol"), channelBody()).want(t, http.StatusOK, "message_sent")
	bob.want(t, "room alice: hello", "room carol: hello")
}

// The vendors' table has the code with an underscore, their example with a space.
func TestTheCodeOfAChannelMessageHasASpaceWhereTheAppWantsIt(t *testing.T) {
	apps := testApps()
	apps[0].ChannelCodeWithSpace = true
	r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps}, nil)
	r.do(request(channelPath("alice"), channelBody())).want(t, http.StatusOK, "message sent")
	for range 2 { // the second time it is a repetition
		req := request(channelPath("alice"), channelBody())
		req.Header.Set("Idempotency-Key", "k")
		r.do(req).want(t, http.StatusOK, "message sent")
	}
	r.do(request(peerPath("alice"), object())).want(t, http.StatusOK, "message_sent")
	other := request(strings.Replace(channelPath("alice"), appID, otherAppID, 1), channelBody())
	other.SetBasicAuth("other", "other secret")
	r.do(other).want(t, http.StatusOK, "message_sent")
}

func TestBadChannelMessageIsRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ target, body string }{
		{channelPath("alice"), channelBody("channel_name", nil)},
		{channelPath("alice"), channelBody("channel_name", "")},
		{channelPath("alice"), channelBody("channel_name", "a/b")},
		{channelPath("alice"), channelBody("channel_name", strings.Repeat("a", 65))},
		{channelPath("alice"), channelBody("payload", "")},
		{channelPath("alice"), channelBody("payload", strings.Repeat("a", 32769))},
		{channelPath("alice"), channelBody("payload", strings.Repeat("\x01", 20000))},
		{channelPath("alice"), channelBody("enable_historical_messaging", "true")},
		{channelPath("alice") + "?request_id=%20", channelBody()},
		{channelPath("channels"), channelBody()},
		{peerPath("channels"), object()},
		{peerPath("alice"), object("destination", "channels")},
	} {
		r.do(request(c.target, c.body)).want(t, http.StatusBadRequest, "invalid_parameter")
	}
	wrong := request(channelPath("alice"), channelBody())
	wrong.SetBasicAuth("key", "wrong")
	r.do(wrong).want(t, http.StatusUnauthorized, "unauthorized")
}

func TestChannelMessageIsKeptForTheHistoryWhereAsked(t *testing.T) {
	r := newRig(t)
	for _, record := range []bool{true, false} {
		body := channelBody("payload", map[bool]string{true: "kept", false: "gone"}[record], "enable_historical_messaging", record)
		r.do(request(channelPath("alice"), body)).want(t, http.StatusOK, "message_sent")
	}
	if got := r.history("", query(filter("destination", "room"))); len(got) != 1 || !strings.Contains(got[0], "kept") {
		t.Errorf("the history of the channel is %q", got)
	}
}
