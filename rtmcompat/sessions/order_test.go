package sessions

import (
	"context"
	"testing"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/todevice"
)

// A lateStore gives what is stored a moment ago, when something has happened since. Its
// head is that of a commit under way.
type lateStore struct {
	Store
	during func() // nil once it has happened
}

func (s *lateStore) Head() todevice.Position {
	if s.during != nil {
		return s.Store.Head() + 1
	}
	return s.Store.Head()
}

func (s *lateStore) Pending(ctx context.Context, inbox todevice.InboxID, after todevice.Position) ([]todevice.Event, bool, error) {
	events, more, err := s.Store.Pending(ctx, inbox, after)
	if during := s.during; during != nil {
		s.during = nil
		during()
	}
	return events, more, err
}

func TestWhatIsNotStoredDoesNotOvertakeWhatIsCommittedWhileTheInboxIsRead(t *testing.T) {
	r := newRig(t)
	bob := r.login("bob", "1")
	bob.fetch()
	bob.wantNoMore("RecvMsgFromPeer")
	send := func(payload string, offline bool) {
		_, err := r.rtm.SendPeer(t.Context(), testApp(), rtmcompat.PeerMessage{From: "ann", Destination: "bob", Payload: payload, Offline: offline})
		if err != nil {
			t.Error(err)
		}
	}
	r.sessions.store = &lateStore{Store: r.store, during: func() {
		send("stored", true)
		send("live", false)
	}}
	bob.session().Wake()
	for _, want := range []string{"stored", "live"} {
		if got := bob.await("RecvMsgFromPeer").content["MsgBody"]; got != want {
			t.Errorf("%q came where %q was to", got, want)
		}
	}
}
