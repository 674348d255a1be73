package channels

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// telling makes a Hub that notes in short what guests are told.
func telling() (h *Hub, told func() string) {
	var mu sync.Mutex
	var all []string
	h = New(TellGuests(func(e Happening) {
		mu.Lock()
		defer mu.Unlock()
		what := fmt.Sprintf("+%s(%d)", e.UID, e.Count)
		if e.Left {
			what = fmt.Sprintf("-%s(%d)", e.UID, e.Count)
		}
		if e.Said != nil {
			what = e.Said.From + ":" + e.Said.Body
		}
		to := slices.Clone(e.To)
		slices.Sort(to)
		all = append(all, strings.Join(to, ",")+"<"+what)
	}))
	return h, func() string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { all = nil }()
		return strings.Join(all, " ")
	}
}

func TestWhatComesAfterATurnWaitsForIt(t *testing.T) {
	h, told := telling()
	m := join(t, h, "room", "ann", "bob")
	h.Guest(app, "room", "@g:x")
	turn := h.Turn(app, "room")
	if got := turn.Guests(); !slices.Equal(got, []string{"@g:x"}) || turn.Count() != 3 {
		t.Errorf("guests are %q of %d", got, turn.Count())
	}
	if n := say(t, h, "room", "ann", "after"); n != 2 {
		t.Errorf("it reached %d", n)
	}
	h.Leave(app, "room", m[0])
	say(t, h, "other", "ann", "elsewhere")
	expect(t, "bob, while the turn lasts", m[1].messages(), "")
	expect(t, "guests, while the turn lasts", told(), "")
	turn.Say(Message{From: "backend", Body: "in turn"})
	turn.End()
	expect(t, "bob", m[1].messages(), "backend:in turn ann:after -ann(2)")
	expect(t, "guests", told(), "@g:x<ann:after @g:x<-ann(2)")
	if h.Count(app, "room") != 2 {
		t.Errorf("%d members", h.Count(app, "room"))
	}
}

func TestTurnsFollowOneAnother(t *testing.T) {
	h, _ := telling()
	ann := join(t, h, "room", "ann")[0]
	var group sync.WaitGroup
	first := h.Turn(app, "room")
	group.Go(func() {
		second := h.Turn(app, "room")
		defer second.End()
		second.Say(Message{From: "b", Body: "2"})
	})
	first.Say(Message{From: "b", Body: "1"})
	first.End()
	group.Wait()
	expect(t, "ann", ann.messages(), "b:1 b:2")
	h.LeaveAll(ann)
	h.Turn(app, "room").End()
	if len(h.channels) != 0 {
		t.Error("a channel is left in which nobody is")
	}
}

func TestGuestsAreMembersWhoAreToldBySomebodyElse(t *testing.T) {
	h, told := telling()
	ann := join(t, h, "room", "ann")[0]
	for _, uid := range []string{"@g:x", "@h:x"} {
		turn := h.Turn(app, "room")
		turn.Admit(uid)
		turn.Admit(uid)
		turn.End()
	}
	expect(t, "ann", ann.messages(), "+@g:x(2) +@h:x(3)")
	bob := join(t, h, "room", "bob")[0]
	expect(t, "guests, of bob", told(), "@g:x,@h:x<+bob(4)")
	if got := h.Members(app, "room"); len(got) != 4 || !slices.Contains(got, "@g:x") {
		t.Errorf("members are %q", got)
	}
	if _, err := h.Join(app, "room", &listener{uid: "@g:x"}); err != ErrIsGuest {
		t.Errorf("a session takes the place of a guest: %v", err)
	}
	h.Pause(bob, time.Now())
	turn := h.Turn(app, "room")
	turn.Dismiss("@g:x")
	turn.Dismiss("@g:x")
	turn.Dismiss("ann")
	turn.End()
	expect(t, "ann", ann.messages(), "+bob(4) -@g:x(3)")
	expect(t, "guests, of what is done in a turn", told(), "")
	h.LeaveAll(ann)
	h.LeaveAll(bob)
	if guests := h.Guests(app); len(guests) != 1 || !slices.Equal(guests["room"], []string{"@h:x"}) {
		t.Errorf("guests are %v", guests)
	}
	turn = h.Turn(app, "room")
	turn.Dismiss("@h:x")
	turn.End()
	if len(h.channels) != 0 {
		t.Error("a channel is left in which nobody is")
	}
}
