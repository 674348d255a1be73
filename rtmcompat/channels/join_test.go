package channels

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestMembersAreToldWhoComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		ann, bob := &listener{uid: "ann"}, &listener{uid: "bob"}
		if joined, err := h.Join(app, "room", ann); !joined || err != nil {
			t.Fatal(joined, err)
		}
		expect(t, "ann joins", ann.heard(), "size=1")
		if joined, err := h.Join(app, "room", bob); !joined || err != nil {
			t.Fatal(joined, err)
		}
		expect(t, "bob joins", bob.heard(), "size=2")
		expect(t, "ann, at once", ann.heard(), "+bob(2)")
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, "ann, a second after she was told last", ann.heard(), "size=2")
		bob.heard()
		if joined, err := h.Join(app, "room", bob); joined || err != nil {
			t.Errorf("bob joins again: %v, %v", joined, err)
		}
		time.Sleep(time.Second)
		if !h.Leave(app, "room", bob) || h.Leave(app, "room", bob) || h.Leave(app, "none", bob) {
			t.Error("bob leaves once")
		}
		expect(t, "ann", ann.heard(), "-bob(1) size=1")
		expect(t, "bob, gone", bob.heard(), "")
		if !h.Joined(app, "room", ann) || h.Joined(app, "room", bob) {
			t.Error("ann is in the channel, and bob is not")
		}
	})
}

func TestACrowdIsToldOfNobodyAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		ann := join(t, h, "room", "ann")[0]
		var last Member
		for i := range crowd {
			last = join(t, h, "room", fmt.Sprint("m", i))[0]
			if i == crowd-2 {
				ann.heard()
			}
		}
		expect(t, "ann, of the 513th", ann.heard(), "")
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		expect(t, "ann, before 3 s", ann.heard(), "")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		expect(t, "ann, after 3 s", ann.heard(), "size=513")
		for _, size := range []int{513, 512} {
			names := h.Members(app, "room")
			slices.Sort(names)
			if len(slices.Compact(names)) != 512 || h.Count(app, "room") != size {
				t.Errorf("of %d members %d are named, and %d counted", size, len(names), h.Count(app, "room"))
			}
			h.LeaveAll(last)
		}
		expect(t, "ann, of one that leaves the 512", ann.heard(), fmt.Sprintf("-%s(512)", last.UID()))
	})
}

func TestMemberJoins20ChannelsAndNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		m := &listener{uid: "ann"}
		join := func(channel string, want error) {
			t.Helper()
			if joined, err := h.Join(app, channel, m); !errors.Is(err, want) || joined != (want == nil) {
				t.Errorf("join %s: %v, %v, want %v", channel, joined, err, want)
			}
		}
		for i := range 20 {
			join(fmt.Sprint("c", i), nil)
		}
		join("c20", ErrTooManyChannels)
		if h.Count(app, "c20") != 0 || len(h.channels) != 20 {
			t.Error("a channel is left that nobody could join")
		}
		h.Leave(app, "c0", m)
		join("c0", nil)
		h.Leave(app, "c0", m)
		join("c0", ErrSameTooOften)
		for i := range 29 { // with the 21 above
			join(fmt.Sprint("d", i), nil)
			h.Leave(app, fmt.Sprint("d", i), m)
		}
		join("e", ErrTooOften)
		time.Sleep(3 * time.Second)
		join("e", nil)
		h.Leave(app, "e", m)
		join("c0", ErrSameTooOften)
		time.Sleep(2 * time.Second)
		join("c0", nil)
		if left := h.LeaveAll(m); len(left) != 20 || len(h.channels) != 0 || len(h.members) != 0 {
			t.Errorf("left %q, and there are %d channels and %d members", left, len(h.channels), len(h.members))
		}
	})
}

func TestTheEndOfAChannelIsTold(t *testing.T) {
	var ended []string
	h := New(OnEnd(func(app, channel string) { ended = append(ended, app+"/"+channel) }))
	m := join(t, h, "room", "ann", "bob")
	h.LeaveAll(m[0])
	if len(ended) != 0 {
		t.Errorf("ended are %q, and bob is still there", ended)
	}
	h.LeaveAll(m[1])
	say(t, h, "other", "ann", "to nobody")
	if !slices.Equal(ended, []string{"app/room"}) {
		t.Errorf("ended are %q", ended)
	}
}
