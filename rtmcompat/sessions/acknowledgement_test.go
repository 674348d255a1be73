package sessions

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// The SDK does not acknowledge a message at which the program's listener fails. It must
// not hold up all that follow.
func TestAcknowledgementIsOneOfAllThatCameBefore(t *testing.T) {
	r := newRig(t)
	bob := r.loginWith("bob", "1", r.token("bob", time.Hour), true)
	bob.fetch()
	for _, body := range []string{"1", "2", "3"} {
		r.keep(body)
	}
	bob.await("RecvMsgFromPeer")
	second := bob.await("RecvMsgFromPeer").content
	bob.await("RecvMsgFromPeer")
	bob.send("RecvMsgFromPeerAck", map[string]any{"MsgId": second["MsgId"], "FromUId": "robot"})
	bob.wantNoMore("RecvMsgFromPeer") // it was read
	bob.cut()
	bob = r.login("bob", "1")
	bob.wantPeer("3")
	r.awaitEmptyInbox("bob")
}

// A stuckStore does not come to the end of the first confirmation.
type stuckStore struct {
	Store
	first sync.Once
	begun chan struct{}
}

func (s *stuckStore) Confirm(ctx context.Context, inbox todevice.InboxID, upTo todevice.Position) (int, error) {
	first := false
	s.first.Do(func() { first = true })
	if !first {
		return s.Store.Confirm(ctx, inbox, upTo)
	}
	close(s.begun)
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestWhatWasAcknowledgedDoesNotComeAgainAfterAnOrderlyRestart(t *testing.T) {
	r := newRig(t)
	stuck := &stuckStore{Store: r.sessions.store, begun: make(chan struct{})}
	r.sessions.store = stuck
	bob := r.login("bob", "1")
	bob.fetch()
	r.keep("1")
	bob.wantPeer("1")
	<-stuck.begun
	r.stop()
	r.start()
	r.login("bob", "1").wantPeer()
	if n := r.stored("bob"); n != 0 {
		t.Errorf("%d messages are still stored", n)
	}
}

func TestOnlySoManyBytesWaitThatAreNotStored(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "1")
	bob.fetch()
	bob.cut()
	ss := bob.session()
	if large := make([]byte, maxLiveBytes); !ss.Take(1, large[1:]) || !ss.Take(2, large[:1]) {
		t.Error("not as many bytes are taken as may wait")
	}
	if ss.Take(3, []byte("x")) {
		t.Error("one byte more is taken")
	}
	r.login("bob", "1").wantNoMore("RecvMsgFromPeer")
	for n := 0; !ss.Take(4, []byte("x")); n++ {
		if n == 1000 {
			t.Fatal("nothing is taken once those are given")
		}
		time.Sleep(time.Millisecond)
	}
}
