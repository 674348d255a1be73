package sessions

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// history gives the payloads that an app keeps of a user, and whether each is of a channel.
func (r *rig) history(uid string) (kept []string) {
	r.t.Helper()
	user, err := r.rtm.User(testApp(), uid)
	if err != nil {
		r.t.Fatal(err)
	}
	q := todevice.RTMQuery{App: appID, Source: user, Until: time.Now().Add(time.Minute)}
	records, err := r.store.History(r.t.Context(), q, todevice.RTMPage{Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, record := range records {
		kept = append(kept, fmt.Sprintf("%s to %q", record.Payload, record.Channel))
	}
	return kept
}

func TestWhatASessionSendsForTheHistoryIsKept(t *testing.T) {
	r := newRig(t)
	ann := r.login("ann", "1")
	say := func(command, name, to string, historical bool) {
		ann.send(command, map[string]any{"MsgId": 1, name: to, "MsgType": 1, "MsgBody": fmt.Sprint(command, historical), "HistoryMsg": historical})
		ann.await(map[string]string{"SendMsgToPeer": "MsgStatus", "SendChannelMsg": "SendChannelMsg"}[command])
	}
	say("SendChannelMsg", "ChanId", "room", true) // not joined: not sent
	ann.send("JoinChannel", map[string]any{"ChanId": "room"})
	ann.await("JoinChannel")
	for _, historical := range []bool{true, false} {
		say("SendMsgToPeer", "ToUId", "bob", historical)
		say("SendChannelMsg", "ChanId", "room", historical)
	}
	want := []string{`SendMsgToPeertrue to ""`, `SendChannelMsgtrue to "room"`}
	if got := r.history("ann"); !slices.Equal(got, want) {
		t.Errorf("kept is %q, want %q", got, want)
	}
}

func TestWhoJoinsAChannelMayReadItsHistory(t *testing.T) {
	r := newRig(t)
	ann := r.login("ann", "1")
	ann.send("JoinChannel", map[string]any{"ChanId": "room"})
	ann.await("JoinChannel")
	user, err := r.rtm.User(testApp(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	for channel, want := range map[string]bool{"room": true, "other": false} {
		if was, err := r.store.WasInChannel(t.Context(), appID, user, channel); err != nil || was != want {
			t.Errorf("%s: %t, %v", channel, was, err)
		}
	}
}
