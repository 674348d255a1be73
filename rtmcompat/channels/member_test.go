package channels

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/rtmcompat/wire"
)

const app = "app"

// A listener is a member that remembers what it was given.
type listener struct {
	uid string

	mu     sync.Mutex
	frames [][]byte // guarded by mu
}

func (l *listener) UID() string { return l.uid }

func (l *listener) Push(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, frame)
}

// heard gives, in short, what the listener was given since it was asked last.
func (l *listener) heard() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, frame := range l.frames {
		out = append(out, short(frame))
	}
	l.frames = nil
	return strings.Join(out, " ")
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = nil
}

// messages gives of what the listener was given since it was asked last the messages only.
func (l *listener) messages() string {
	said := slices.DeleteFunc(strings.Fields(l.heard()), func(s string) bool { return strings.HasPrefix(s, "size=") })
	return strings.Join(said, " ")
}

// short writes a frame in a few letters: "ann:hello", "+ann(2)", "-ann(1)", "size=2".
func short(frame []byte) string {
	cmd, content, err := wire.Parse(frame)
	var f struct {
		ChanId, FromUId, MsgBody, UserId string
		MemSize, ChanMemSize             int
	}
	if err == nil {
		err = json.Unmarshal(content, &f)
	}
	if err != nil || f.ChanId == "" {
		return "bad:" + string(frame)
	}
	switch cmd {
	case "RecvMsgFromChan":
		return f.FromUId + ":" + f.MsgBody
	case "ChanMemberJoin":
		return fmt.Sprintf("+%s(%d)", f.UserId, f.ChanMemSize)
	case "ChanMemberLeave":
		return fmt.Sprintf("-%s(%d)", f.UserId, f.ChanMemSize)
	case "MemSizeChanged":
		return fmt.Sprintf("size=%d", f.MemSize)
	}
	return cmd
}

// join makes members of a channel, and lets them forget what they were told of it.
func join(t *testing.T, h *Hub, channel string, uids ...string) (members []*listener) {
	t.Helper()
	for _, uid := range uids {
		m := &listener{uid: uid}
		if joined, err := h.Join(app, channel, m); err != nil || !joined {
			t.Fatalf("%s joins %s: %v, %v", uid, channel, joined, err)
		}
		members = append(members, m)
	}
	for _, m := range members {
		m.forget()
	}
	return members
}

func say(t *testing.T, h *Hub, channel, from, body string) (members int) {
	t.Helper()
	members, err := h.Publish(app, channel, Message{From: from, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func expect(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}
