package sessions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/todevice"
)

func TestGatewayTellsTheSDKWhyALoginIsRefused(t *testing.T) {
	r := newRig(t)
	good := r.token("ann", time.Hour)
	for _, c := range []struct {
		name            string
		app, uid, token string
		code            float64
	}{
		{"good", appID, "ann", good, 0},
		{"another's token", appID, "bob", good, 5},
		{"no token", appID, "ann", "", 5},
		{"an app without tokens", openAppID, "ann", "", 0},
		{"unknown app", strings.Repeat("0", 32), "ann", good, 4},
		{"no uid", appID, "", good, 3},
		{"65 characters", appID, strings.Repeat("a", 65), good, 3},
		{"a blank at the end", appID, "ann ", good, 3},
		{"the name of a Matrix user", appID, "@bob:chappe.test", r.token("@bob:chappe.test", time.Hour), 3},
		{"the name of the channels", appID, "channels", r.token("channels", time.Hour), 3},
	} {
		answer := r.post("/arapi/v1?action=wrtm_gateway", map[string]any{"appid": c.app, "uid": c.uid, "token": c.token})
		if answer["code"] != c.code {
			t.Errorf("%s: %v, want the code %v", c.name, answer, c.code)
		}
	}
}

func TestMessageReachesASessionAndItsSenderHearsOfIt(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("Ann", "1"), r.login("bob", "1")
	ann.fetch()
	bob.fetch()
	if status := ann.say("bob", "hello", false); status != 1 {
		t.Errorf("status %v, want 1", status)
	}
	got := bob.await("RecvMsgFromPeer").content
	if got["FromUId"] != "Ann" || got["MsgBody"] != "hello" || got["MsgType"] != 1.0 || got["SvrTS"].(float64) < 1.7e12 {
		t.Errorf("bob got %v", got)
	}
	if status := ann.say("nobody", "hello", true); status != 0 {
		t.Errorf("to somebody offline: status %v, want 0", status)
	}
	if code := r.rest("robot", "?wait_for_ack=true", map[string]any{"destination": "bob", "payload": "by REST"}); code != "message_delivered" {
		t.Errorf("by REST: %s", code)
	}
	if got := bob.await("RecvMsgFromPeer").content; got["FromUId"] != "robot" || got["MsgBody"] != "by REST" {
		t.Errorf("bob got %v", got)
	}
}

func TestStoredMessagesAreFetchedOnceAndBeforeAllOthers(t *testing.T) {
	r := newRig(t)
	for _, body := range []string{"one", "two"} {
		if code := r.rest("robot", "", map[string]any{"destination": "bob", "payload": body, "enable_offline_messaging": true}); code != "message_sent" {
			t.Fatal(code)
		}
	}
	bob := r.login("bob", "1")
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "live", "enable_offline_messaging": false})
	bob.wantNoMore("RecvMsgFromPeer")
	if got := bob.fetch(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("fetched %q", got)
	}
	if got := bob.await("RecvMsgFromPeer").content; got["MsgBody"] != "live" {
		t.Errorf("then %v", got)
	}
	if got := bob.fetch(); len(got) != 0 {
		t.Errorf("fetched again %q", got)
	}
	// Gone without a sign of life: it may not have got the answer.
	bob.cut()
	r.tickOf(bob.session(), time.Now().Add(grace))
	bob = r.login("bob", "2")
	if got := bob.fetch(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("after a login without a sign of life fetched %q", got)
	}
	bob.ageFetch(fetchedAfter)
	bob.send("KeepAlive", map[string]any{"time": "1"})
	r.awaitEmptyInbox("bob")
}

func TestLogoutAfterASecondSaysThatTheClientHasWhatItFetched(t *testing.T) {
	r := newRig(t)
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "one", "enable_offline_messaging": true})
	bob := r.login("bob", "1")
	if got := bob.fetch(); !slices.Equal(got, []string{"one"}) {
		t.Fatalf("fetched %q", got)
	}
	bob.ageFetch(fetchedByLogout)
	bob.send("Logout", "")
	bob.awaitEnd()
	r.awaitEmptyInbox("bob")
}

// ageFetch has the answer to the client's last fetch be older than it is. It may be here
// before the server has noted that it was given.
func (c *client) ageFetch(by time.Duration) {
	c.r.t.Helper()
	ss := c.session()
	for range 10_000 {
		ss.mu.Lock()
		noted := !ss.fetch.answered.IsZero()
		if noted {
			ss.fetch.answered = ss.fetch.answered.Add(-by)
		}
		ss.mu.Unlock()
		if noted {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.r.t.Fatal("the fetch is not noted")
}

// awaitEmptyInbox waits until nothing is stored for a user.
func (r *rig) awaitEmptyInbox(uid string) {
	r.t.Helper()
	user, err := r.rtm.User(testApp(), uid)
	if err != nil {
		r.t.Fatal(err)
	}
	device, err := r.store.EnsureDevice(r.t.Context(), user.Localpart, rtmcompat.DeviceID)
	if err != nil {
		r.t.Fatal(err)
	}
	for range 1000 {
		events, _, err := r.store.Pending(r.t.Context(), device.Inbox, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(events) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Errorf("%s: messages are still stored", uid)
}

func TestWhatIsNotAcknowledgedComesAgainAfterABreak(t *testing.T) {
	r := newRig(t)
	bob := r.loginWith("bob", "1", r.token("bob", time.Hour), true)
	bob.fetch()
	for i := range 6 {
		keep := i%2 == 0
		r.rest("robot", "", map[string]any{"destination": "bob", "payload": fmt.Sprint(i), "enable_offline_messaging": keep})
	}
	for i := range 6 {
		got := bob.await("RecvMsgFromPeer").content
		if got["MsgBody"] != fmt.Sprint(i) {
			t.Errorf("message %d is %v", i, got)
		}
		if i < 2 {
			bob.send("RecvMsgFromPeerAck", map[string]any{"MsgId": got["MsgId"], "FromUId": "robot"})
		}
	}
	bob.wantNoMore("RecvMsgFromPeer") // the acknowledgements were read before it
	bob.cut()
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "6", "enable_offline_messaging": false})
	bob = r.login("bob", "1")
	for i := 2; i <= 6; i++ {
		if got := bob.await("RecvMsgFromPeer").content; got["MsgBody"] != fmt.Sprint(i) {
			t.Errorf("after the break message %d is %v", i, got)
		}
	}
	bob.wantNoMore("RecvMsgFromPeer")
	r.awaitEmptyInbox("bob")
}

func TestStoredMessagesComeToASessionThatIsBackAfterARestart(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "the name")
	bob.fetch()
	r.stop()
	bob.awaitEnd()
	r.start()
	if code := r.rest("robot", "", map[string]any{"destination": "bob", "payload": "meanwhile", "enable_offline_messaging": true}); code != "message_sent" {
		t.Fatal(code)
	}
	bob = r.login("bob", "the name") // it does not fetch now
	if got := bob.await("RecvMsgFromPeer").content; got["MsgBody"] != "meanwhile" {
		t.Errorf("got %v", got)
	}
	r.awaitEmptyInbox("bob")
}

func TestSecondLoginThrowsTheFirstOut(t *testing.T) {
	r := newRig(t)
	first := r.login("bob", "1")
	second := r.login("bob", "2")
	first.await("ForceOffline")
	first.awaitEnd()
	second.fetch()
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "hello"})
	second.await("RecvMsgFromPeer")
	if len(r.sessions.sessions) != 1 {
		t.Errorf("%d sessions stand", len(r.sessions.sessions))
	}
}

func TestSessionStandsThirtySecondsWithoutAConnection(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	ann.send("SubscribeOnlineStatus", map[string]any{"MsgId": 1, "UserIds": `["bob"]`})
	if got := ann.await("PeerOnlineStatus"); !strings.Contains(got.raw, `\"Online\":1`) {
		t.Errorf("at once: %s", got.raw)
	}
	bob.cut()
	ss := bob.session()
	r.tickOf(ss, ss.brokenAt.Add(grace-time.Nanosecond))
	ann.wantNoMore("PeerOnlineStatus")
	r.tickOf(ss, ss.brokenAt.Add(grace))
	if got := ann.await("PeerOnlineStatus"); !strings.Contains(got.raw, `\"Online\":0`) {
		t.Errorf("then: %s", got.raw)
	}
	ann.send("QueryOnlineStatus", map[string]any{"MsgId": 2, "UserIds": `["ann","bob"]`})
	if got := ann.await("QueryOnlineStatus").content["Status"]; fmt.Sprint(got) != "[map[Online:1 UserId:ann] map[Online:0 UserId:bob]]" {
		t.Errorf("asked: %v", got)
	}
}

// A session that is in time to be given up may be had by a login at this very moment.
func TestSessionIsNotGivenUpThatALoginHasTakenUp(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "1")
	ss := bob.session()
	bob.cut()
	late := ss.brokenAt.Add(grace)
	if !ss.tick(late) {
		t.Fatal("nobody is back in time, and the session is not over")
	}
	bob = r.login("bob", "1")
	r.sessions.giveUp(ss, late)
	bob.wantNoMore("ForceOffline")
	if bob.session() != ss {
		t.Error("the client that is back has another session")
	}
}

func TestSessionIsNotOverBeforeItsClientIsConnected(t *testing.T) {
	r := newRig(t)
	ss := r.sessions.newSession(testApp(), todevice.RTMSession{})
	if ss.tick(time.Now()) {
		t.Error("a session is over that has just begun")
	}
}

func TestChannelMessageReachesTheOthersAndWhatWasMissedFollows(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	for _, c := range []*client{ann, bob} {
		c.send("JoinChannel", map[string]any{"ChanId": "room"})
		if got := c.await("JoinChannel").content; got["Code"] != 0.0 {
			t.Fatal(got)
		}
	}
	say := func(body string) {
		ann.send("SendChannelMsg", map[string]any{"ChanId": "room", "MsgId": 7, "MsgType": 1, "MsgBody": body})
		if got := ann.await("SendChannelMsg").content; got["Code"] != 0.0 || got["MsgId"] != 7.0 {
			t.Errorf("%v", got)
		}
	}
	say("one")
	if got := bob.await("RecvMsgFromChan").content; got["MsgBody"] != "one" || got["FromUId"] != "ann" || got["ChanId"] != "room" {
		t.Errorf("bob got %v", got)
	}
	bob.send("KeepAlive", map[string]any{"time": "1"}) // a sign that it has come
	bob.await("KeepAlive")
	bob.cut()
	say("two")
	bob = r.login("bob", "1")
	bob.wantNoMore("RecvMsgFromChan") // the SDK would not hear it yet
	bob.send("JoinChannel", map[string]any{"ChanId": "room"})
	bob.await("JoinChannel")
	if got := bob.await("RecvMsgFromChan").content; got["MsgBody"] != "two" {
		t.Errorf("after the break bob got %v", got)
	}
	ann.wantNoMore("RecvMsgFromChan")
	ann.wantNoMore("ChanMemberLeave")
}

func TestBadFrameEndsItsConnectionAndNoOther(t *testing.T) {
	r := newRig(t)
	other := r.login("other", "1")
	for i, c := range []struct {
		name, frame, reason string
	}{
		{"not JSON", `{`, endBadFrame},
		{"no Cmd", `{"Content":"{}"}`, endBadFrame},
		{"Content not a string", `{"Cmd":"KeepAlive","Content":{}}`, endBadFrame},
		{"Content not JSON", `{"Cmd":"KeepAlive","Content":"{"}`, endBadFrame},
		{"a number as a name", `{"Cmd":"JoinChannel","Content":"{\"ChanId\":1}"}`, endBadFrame},
		{"unknown Cmd", `{"Cmd":"Nonsense","Content":"{}"}`, endUnknown},
		{"1 MiB", `{"Cmd":"KeepAlive","Content":"` + strings.Repeat(" ", 1<<20) + `"}`, endTooLong},
	} {
		bad := r.login(fmt.Sprint("bad", i), "1")
		before := r.endedFor(c.reason)
		_ = wsutil.WriteClientText(bad.conn, []byte(c.frame))
		bad.awaitEnd()
		if r.endedFor(c.reason) != before+1 {
			t.Errorf("%s: not counted as %s", c.name, c.reason)
		}
	}
	other.wantNoMore("ForceOffline")
}

// floods has a client send many signs of life at once, or as many as it can.
func (r *rig) floods(uid string, frames int) *client {
	flood := r.login(uid, "1")
	beat, err := json.Marshal(map[string]any{"Cmd": "KeepAlive", "Content": "{}"})
	if err != nil {
		r.t.Fatal(err)
	}
	for range frames {
		if wsutil.WriteClientText(flood.conn, beat) != nil {
			break
		}
	}
	return flood
}

func TestTooManyFramesEndTheirConnectionAndNoOther(t *testing.T) {
	r := newRig(t)
	other := r.login("other", "1")
	r.floods("flood", 10_000).awaitEnd()
	if r.endedFor(endTooMany) != 1 {
		t.Error("10,000 frames at once: not counted")
	}
	other.wantNoMore("ForceOffline")
}

func TestWhereNobodyIsLimitedFramesAreNotCounted(t *testing.T) {
	r := newRig(t)
	r.stop()
	r.limited = false
	r.start()
	const frames = 3000
	flood := r.floods("flood", frames)
	for range frames {
		flood.await("KeepAlive")
	}
	if r.endedFor(endTooMany) != 0 {
		t.Error("a connection was ended")
	}
}

func TestMessageInPiecesIsOneMessage(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "1")
	whole := []byte(`{"Cmd":"KeepAlive","Content":"{}"}`)
	first := ws.NewFrame(ws.OpText, false, whole[:10])
	second := ws.NewFrame(ws.OpContinuation, true, whole[10:])
	for _, f := range []ws.Frame{first, ws.NewPingFrame([]byte("there?")), second} {
		if err := ws.WriteFrame(bob.conn, ws.MaskFrame(f)); err != nil {
			t.Fatal(err)
		}
	}
	bob.await("KeepAlive")
}

func TestClientIsToldThatItsTokenEndsAndMayRenewIt(t *testing.T) {
	r := newRig(t)
	token := r.token("bob", time.Hour)
	bob := r.loginWith("bob", "1", token, false)
	end := bob.session().tokenEnd()
	bob.session().tellAt(end.Add(-tokenWarning))
	bob.wantNoMore("AcsTokenWillExpire")
	keepHeard := func() { bob.wantNoMore("AcsTokenDidExpire") }
	bob.session().tellAt(end.Add(1 - tokenWarning))
	bob.await("AcsTokenWillExpire")
	bob.send("RenewAcsToken", map[string]any{"AcsToken": r.token("bob", 2*time.Hour)})
	keepHeard()
	bob.session().tellAt(end.Add(time.Second))
	keepHeard()
	renewed := bob.session().tokenEnd() // made a little later than the first, however long that took
	if !renewed.After(end) {
		t.Errorf("the renewed token ends at %v, the first at %v", renewed, end)
	}
	bob.session().tellAt(renewed.Add(1))
	bob.await("AcsTokenDidExpire")
}

func (ss *session) tellAt(now time.Time) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.tellOfTokenLocked(now)
}

func TestUserAttributesAreThereWhileTheUserIsOnline(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	set := func(attributes string, replace bool, want float64) {
		t.Helper()
		bob.send("AddOrUpdateUserAttributes", map[string]any{"MsgId": 1, "SetLocal": replace, "Attributes": attributes})
		if got := bob.await("AddOrUpdateUserAttributes").content["Code"]; got != want {
			t.Errorf("set %.60s: %v, want %v", attributes, got, want)
		}
	}
	wantOf := func(want string) {
		t.Helper()
		ann.send("GetUserAttributes", map[string]any{"MsgId": 2, "UserId": "bob"})
		if got := ann.await("QueryAttribKeys").content; got["Attribs"] != want || got["QueryUserId"] != "bob" {
			t.Errorf("ann sees %v, want %s", got, want)
		}
	}
	set(`{"a":"1"}`, true, 0)
	set(`{"b":"2"}`, false, 0)
	wantOf(`{"a":"1","b":"2"}`)
	set(`{"b":""}`, false, attributeInvalid)
	set(`{"`+strings.Repeat("k", 33)+`":"v"}`, false, attributeTooLarge)
	set(`{"k":"`+strings.Repeat("v", maxAttributeValue+1)+`"}`, false, attributeTooLarge)
	set(`{"c":"3"}`, true, 0)
	wantOf(`{"c":"3"}`)
	bob.cut()
	r.tickOf(bob.session(), time.Now().Add(grace))
	wantOf(`{}`)
}

// tickOf does what goes by time for one session, at a time that may not have come yet.
func (r *rig) tickOf(ss *session, now time.Time) {
	if ss.tick(now) {
		r.sessions.giveUp(ss, now)
	}
}
