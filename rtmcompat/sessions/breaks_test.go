package sessions

import (
	"testing"
	"time"
)

// meet has two clients join a channel.
func (r *rig) meet(channel string, clients ...*client) {
	r.t.Helper()
	for _, c := range clients {
		c.send("JoinChannel", map[string]any{"ChanId": channel})
		if got := c.await("JoinChannel").content; got["Code"] != 0.0 {
			r.t.Fatal(got)
		}
		c.await("MemSizeChanged")
	}
}

// A client that has changed its network is back before the server knows that it was gone.
func TestChannelMessagesFollowAlsoToAConnectionInThePlaceOfAnother(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	r.meet("room", ann, bob)
	say := func(body string) {
		ann.send("SendChannelMsg", map[string]any{"ChanId": "room", "MsgId": 7, "MsgType": 1, "MsgBody": body})
		ann.await("SendChannelMsg")
	}
	bob.wantNoMore("RecvMsgFromChan") // the last sign of life of this connection
	say("to the old connection")
	again := r.login("bob", "1")
	say("to the new one")
	again.wantNoMore("RecvMsgFromChan") // the SDK would not hear it yet
	again.send("JoinChannel", map[string]any{"ChanId": "room"})
	for _, want := range []string{"to the old connection", "to the new one"} {
		if got := again.await("RecvMsgFromChan").content["MsgBody"]; got != want {
			t.Errorf("bob got %v, want %s", got, want)
		}
	}
	ann.wantNoMore("ChanMemberLeave")
	bob.awaitEnd()
}

func TestUserIsOfflineThirtySecondsAfterTheLastSignOfLife(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "1")
	ss := bob.session()
	c := ss.connection()
	last := time.Now().Add(-silence)
	c.heard.Store(last.Add(time.Second).UnixNano())
	r.tickOf(ss, time.Now())
	if ss.connection() != c {
		t.Fatal("a connection was ended before its time")
	}
	c.heard.Store(last.UnixNano())
	r.tickOf(ss, time.Now())
	bob.awaitEnd()
	bob.cut() // waits until the server has noticed
	r.tickOf(ss, time.Now())
	if user, err := r.rtm.User(testApp(), "bob"); err != nil || r.sessions.session(user) != nil {
		t.Error("the session stands after that", err)
	}
}

func TestTokenOfASessionThatWasReplacedIsNotRemembered(t *testing.T) {
	r := newRig(t)
	old := r.login("bob", "old").session()
	r.login("bob", "new")
	old.renewToken(struct{ AcsToken string }{r.token("bob", 2*time.Hour)})
	stored, err := r.store.RTMSessions(t.Context())
	if err != nil || len(stored) != 1 || stored[0].SID != "new" {
		t.Errorf("the session that stands after a restart: %v, %v", stored, err)
	}
}
