package channels

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMessageReachesEveryMemberButItsSender(t *testing.T) {
	h := New()
	m := join(t, h, "room", "ann", "bob", "cat")
	other := join(t, h, "other", "dan")[0]
	if joined, err := h.Join("another app", "room", other); err != nil || !joined {
		t.Fatal(joined, err)
	}
	other.heard()
	if got := say(t, h, "room", "ann", "hello"); got != 2 {
		t.Errorf("it reached %d members, want 2", got)
	}
	for i, want := range []string{"", "ann:hello", "ann:hello"} {
		expect(t, m[i].uid, m[i].heard(), want)
	}
	expect(t, "a member of other channels", other.heard(), "")
	if got := say(t, h, "nobody's", "ann", "hello"); got != 0 {
		t.Errorf("it reached %d members of a channel without members", got)
	}
}

func TestFrameOfAMessage(t *testing.T) {
	got := string(messageFrame("r", Message{From: "ann", MsgID: 1699999999999, Body: `say "hi"`, At: time.UnixMilli(1700000000001)}))
	want := `{"Cmd":"RecvMsgFromChan","Encrypt":false,"Content":"{\"ChanId\":\"r\",\"MsgId\":1699999999999,\"FromUId\":\"ann\",` +
		`\"MsgType\":1,\"MsgBody\":\"say \\\"hi\\\"\",\"SvrTS\":1700000000001}"}`
	expect(t, "the frame", got, want)
}

func TestSenderThatMustBeAMemberIs(t *testing.T) {
	h := New()
	ann := join(t, h, "room", "ann")[0]
	bob := join(t, h, "room", "bob")[0]
	if n, err := h.Publish(app, "room", Message{From: "ann", Sender: ann, Body: "in"}); n != 1 || err != nil {
		t.Errorf("a member reached %d, %v", n, err)
	}
	h.Leave(app, "room", ann)
	expect(t, "bob", bob.messages(), "ann:in -ann(1)")
	for channel, sender := range map[string]Member{"room": ann, "none": bob} {
		if _, err := h.Publish(app, channel, Message{From: sender.UID(), Sender: sender, Body: "out"}); !errors.Is(err, ErrNotMember) {
			t.Errorf("%s says something in %s without being there: %v", sender.UID(), channel, err)
		}
	}
	expect(t, "bob", bob.messages(), "")
}

// Many say something at once while others come and go. Whoever was there all the time
// has everything, in the same order.
func TestAllMembersHaveOneOrder(t *testing.T) {
	h := New()
	m := join(t, h, "room", "ann", "bob")
	var group sync.WaitGroup
	for i := range 8 {
		guest := &listener{uid: fmt.Sprintf("guest%d", i)}
		group.Go(func() {
			for j := range 100 {
				if _, err := h.Publish(app, "room", Message{From: "backend", Body: fmt.Sprintf("%d.%d", i, j)}); err != nil {
					t.Error(err)
				}
				if j%20 == 0 {
					h.Join(app, "room", guest) // it may be too often
					h.Pause(guest, time.Now())
				}
				if j%50 == 49 {
					h.LeaveAll(guest)
				}
			}
		})
	}
	group.Wait()
	said := slices.DeleteFunc(strings.Fields(m[0].messages()), func(s string) bool { return !strings.Contains(s, ":") })
	if len(said) != 800 {
		t.Errorf("ann has %d messages, want 800", len(said))
	}
	theirs := slices.DeleteFunc(strings.Fields(m[1].messages()), func(s string) bool { return !strings.Contains(s, ":") })
	if !slices.Equal(said, theirs) {
		t.Error("bob has another order than ann")
	}
	if got := h.Members(app, "room"); len(got) != 2 {
		t.Errorf("left are %q", got)
	}
}
