package channels

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemberThatComesBackHasWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		m := join(t, h, "room", "ann", "bob")
		say(t, h, "room", "ann", "one")
		h.Pause(m[1], time.Now().Add(1))
		say(t, h, "room", "ann", "two")
		say(t, h, "room", "bob", "by a program of bob's")
		if got := say(t, h, "room", "ann", "three"); got != 1 || h.Count(app, "room") != 2 {
			t.Errorf("the paused member is not counted: %d, %d", got, h.Count(app, "room"))
		}
		expect(t, "while bob is away", m[1].messages(), "ann:one")
		m[0].heard()
		if err := h.Resume(app, "room", m[1]); err != nil {
			t.Fatal(err)
		}
		expect(t, "bob", m[1].heard(), "ann:two ann:three size=2")
		say(t, h, "room", "ann", "four")
		expect(t, "bob, back", m[1].heard(), "ann:four")
		expect(t, "ann hears nothing of it", m[0].heard(), "")
		h.LeaveAll(m[1])
		if err := h.Resume(app, "room", m[1]); !errors.Is(err, ErrNotMember) {
			t.Errorf("resumed after it left: %v", err)
		}
		if err := h.Resume(app, "none", m[1]); !errors.Is(err, ErrNotMember) {
			t.Errorf("resumed in a channel that is none: %v", err)
		}
	})
}

// Nobody knows at once that a connection is broken.
func TestWhatWasGivenToABrokenConnectionIsGivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		join(t, h, "room", "ann")
		say(t, h, "room", "ann", "before bob")
		bob := join(t, h, "room", "bob")[0]
		say(t, h, "room", "ann", "one")
		time.Sleep(time.Second)
		heard := time.Now()
		say(t, h, "room", "ann", "two")
		time.Sleep(time.Second)
		h.Pause(bob, heard)
		h.Pause(bob, time.Now()) // again, by who ends the connection
		say(t, h, "room", "ann", "three")
		bob.heard()
		again := &listener{uid: "bob"}
		if err := h.Resume(app, "room", again); err != nil {
			t.Fatal(err)
		}
		expect(t, "bob, by another connection", again.messages(), "ann:two ann:three")
		if left := h.LeaveAll(bob); len(left) != 0 {
			t.Errorf("the member that was replaced left %q", left)
		}
		say(t, h, "room", "ann", "four")
		expect(t, "bob", again.messages(), "ann:four")
		expect(t, "the connection before", bob.messages(), "")

		first := join(t, h, "other", "cat")[0]
		say(t, h, "other", "x", "before")
		second := join(t, h, "other", "dan")[0]
		h.Pause(second, time.Time{})
		h.Pause(first, time.Time{})
		first.heard()
		for _, m := range []*listener{first, second} {
			if joined, err := h.Join(app, "other", m); err != nil || !joined {
				t.Fatal(joined, err)
			}
		}
		expect(t, "who was there", first.messages(), "x:before")
		expect(t, "who came later", second.messages(), "")
	})
}

func TestOnlyTheLast32MessagesOf30SecondsAreGivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		m := join(t, h, "room", "ann", "bob")
		h.Pause(m[1], time.Now())
		for i := range 40 {
			say(t, h, "room", "ann", fmt.Sprint(i))
		}
		if err := h.Resume(app, "room", m[1]); err != nil {
			t.Fatal(err)
		}
		got := strings.Fields(m[1].messages())
		if len(got) != 32 || got[0] != "ann:8" || got[31] != "ann:39" {
			t.Errorf("bob was given %q", got)
		}

		h.Pause(m[1], time.Now())
		say(t, h, "room", "ann", "old")
		time.Sleep(time.Millisecond)
		say(t, h, "room", "ann", "new")
		time.Sleep(30 * time.Second)
		if err := h.Resume(app, "room", m[1]); err != nil {
			t.Fatal(err)
		}
		expect(t, "bob", m[1].messages(), "ann:new")
		time.Sleep(time.Second)
		c := h.lock(name{app, "room"}, false)
		defer h.unlock(c)
		if len(c.ring.said) != 0 || c.ring.expiry != nil {
			t.Errorf("%d messages are remembered after 31 s", len(c.ring.said))
		}
	})
}
