package sessions

import (
	"runtime"
	"testing"
	"time"
)

// A server that ends gives clients no more messages, and hears what they still
// acknowledge: it is not sent to them again after the restart.
func TestWhatIsAcknowledgedWhileTheServerEndsDoesNotComeAgain(t *testing.T) {
	r := newRig(t)
	bob := r.loginWith("bob", "1", r.token("bob", time.Hour), true)
	bob.fetch()
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "first", "enable_offline_messaging": true})
	given := bob.await("RecvMsgFromPeer")
	closed := make(chan struct{})
	go func() {
		r.sessions.Close()
		close(closed)
	}()
	for !r.sessions.draining.Load() {
		runtime.Gosched()
	}
	r.rest("robot", "", map[string]any{"destination": "bob", "payload": "second", "enable_offline_messaging": true})
	bob.send("RecvMsgFromPeerAck", map[string]any{"MsgId": given.content["MsgId"], "FromUId": "robot"})
	<-closed
	r.stop()
	r.start()
	back := r.login("bob", "1")
	if got := back.await("RecvMsgFromPeer").content["MsgBody"]; got != "second" {
		t.Errorf("got %v", got)
	}
	back.wantNoMore("RecvMsgFromPeer")
}
