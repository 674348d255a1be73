package sessions

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// invites sends an invitation, and checks what the caller is told of it.
func (c *client) invites(callee, content string, statuses ...int) {
	c.r.t.Helper()
	c.send("MakeCall", map[string]any{"CallId": "1", "FromUId": c.uid, "ToUId": callee, "Content": content})
	c.hears(statuses...)
}

func (c *client) hears(statuses ...int) {
	c.r.t.Helper()
	for _, want := range statuses {
		c.got("CallStatus", fmt.Sprintf("map[CallId:1 Status:%d]", want))
	}
}

// answers answers an invitation of a caller.
func (c *client) answers(cmd, caller string) {
	c.send(cmd, map[string]any{"CallId": "1", "FromUId": c.uid, "ToUId": caller, "Response": "well"})
}

// cancels ends an invitation, and waits until the server has heard of it.
func (c *client) cancels(callee string) {
	c.r.t.Helper()
	c.send("CancelCall", map[string]any{"CallId": "1", "FromUId": c.uid, "ToUId": callee, "Reason": "", "Content": "never mind"})
	c.got("cancelCallAck", fmt.Sprintf("map[CallId:1 Code:0 FromUId:%s ToUId:%s]", c.uid, callee))
}

// got checks the next frame of a command.
func (c *client) got(cmd, want string) {
	c.r.t.Helper()
	if got := fmt.Sprint(c.await(cmd).content); got != want {
		c.r.t.Errorf("%s got %s %s, want %s", c.uid, cmd, got, want)
	}
}

// callsTick does what goes by time for invitations.
func (r *rig) callsTick(after time.Duration) { r.sessions.calls.tick(time.Now().Add(after)) }

func (r *rig) wantNoCalls() {
	r.t.Helper()
	r.sessions.calls.mu.Lock()
	defer r.sessions.calls.mu.Unlock()
	if n := len(r.sessions.calls.byKey); n > 0 {
		r.t.Errorf("%d invitations are remembered", n)
	}
}

const (
	rings        = "map[CallId:1 Content:come FromUId:ann ToUId:bob]"
	nevermind    = "map[CallId:1 Content:never mind FromUId:ann Reason: ToUId:bob]"
	callerIsGone = "map[CallId:1 Content: FromUId:ann Reason:Offline ToUId:bob]"
	answered     = "map[CallId:1 FromUId:bob Response:well ToUId:ann]"
)

func TestBothSidesHearHowAnInvitationEnds(t *testing.T) {
	for name, test := range map[string]func(*rig, *client, *client){
		"accepted, and cancelled then": func(_ *rig, ann, bob *client) {
			bob.answers("AcceptCall", "ann")
			ann.got("AcceptCall", answered)
			bob.got("AcceptCallAck", "map[CallId:1]")
			bob.answers("AcceptCall", "ann") // twice is once
			bob.wantNoMore("AcceptCallAck")
			ann.wantNoMore("AcceptCall")
			ann.cancels("bob")
			bob.got("CancelCall", nevermind)
		},
		"accepted": func(r *rig, ann, bob *client) {
			bob.answers("AcceptCall", "ann")
			ann.await("AcceptCall")
			bob.await("AcceptCallAck")
			r.callsTick(callTime)
			ann.wantNoMore("CallStatus")
		},
		"refused": func(_ *rig, ann, bob *client) {
			bob.answers("RejectCall", "ann")
			ann.got("RejectCall", answered)
		},
		"cancelled": func(_ *rig, ann, bob *client) {
			ann.cancels("bob")
			bob.got("CancelCall", nevermind)
			bob.answers("AcceptCall", "ann") // too late
			bob.wantNoMore("AcceptCallAck")
			ann.wantNoMore("AcceptCall")
		},
		"not decided": func(r *rig, ann, _ *client) {
			r.callsTick(callTime - time.Second)
			ann.wantNoMore("CallStatus")
			r.callsTick(callTime)
			ann.hears(callNoResponse)
		},
		"the callee leaves": func(_ *rig, ann, bob *client) {
			bob.send("Logout", "")
			ann.hears(callOffline)
		},
		"the caller leaves": func(_ *rig, ann, bob *client) {
			ann.send("Logout", "")
			bob.got("CancelCall", callerIsGone)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			ann, bob := r.login("ann", "1"), r.login("bob", "1")
			ann.invites("bob", "come", callSent, callReceived)
			bob.got("MakeCall", rings)
			test(r, ann, bob)
			r.wantNoCalls()
			ann.quiet("CallStatus", "AcceptCall", "RejectCall")
			bob.quiet("MakeCall", "CancelCall", "AcceptCallAck")
		})
	}
}

// quiet checks that a client whose connection stands was told nothing more.
func (c *client) quiet(cmds ...string) {
	c.r.t.Helper()
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	for _, cmd := range cmds {
		if user, err := c.r.rtm.User(testApp(), c.uid); err == nil && c.r.sessions.session(user) != nil && !ended {
			c.wantNoMore(cmd)
		}
	}
}

func TestNobodyIsInvitedWhoIsNotOnlineHere(t *testing.T) {
	r := newRig(t)
	ann := r.login("ann", "1")
	ann.invites("nobody", "come", callOffline)
	ann.invites("@bob:elsewhere.test", "come", callOffline)
	ann.invites("no*body", "come", callOffline)
	r.login("bob", "1")
	ann.invites("bob", strings.Repeat("x", maxCallText+1), callNoResponse)
	r.wantNoCalls()
}

// The SDK fails at a frame about an invitation that it has forgotten, and it forgets all
// when its connection breaks.
func TestClientIsToldOfNoInvitationThatItHasForgotten(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	ann.invites("bob", "come", callSent, callReceived)
	bob.got("MakeCall", rings)
	ann.cut()
	back := r.login("ann", "1")
	bob.answers("AcceptCall", "ann")
	bob.got("CancelCall", callerIsGone)
	bob.wantNoMore("AcceptCallAck")
	back.wantNoMore("AcceptCall")

	back.invites("bob", "come", callSent, callReceived)
	bob.cut()
	again := r.login("bob", "1")
	again.answers("AcceptCall", "ann") // its program has not forgotten
	back.got("AcceptCall", answered)
	again.wantNoMore("AcceptCallAck")
}

func TestInvitationWaitsForACalleeWhoseConnectionIsBroken(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	bob.cut()
	ann.invites("bob", "come", callSent)
	r.callsTick(0)
	ann.wantNoMore("CallStatus")
	bob = r.login("bob", "1")
	r.callsTick(0)
	ann.hears(callReceived)
	bob.got("MakeCall", rings)
	bob.answers("RejectCall", "ann")
	ann.await("RejectCall")

	bob.cut()
	ann.invites("bob", "come", callSent)
	r.callsTick(ringTime)
	ann.hears(callNoResponse)
	r.wantNoCalls()
}

func TestOnlyTheCalleeAnswersAnInvitation(t *testing.T) {
	r := newRig(t)
	ann, bob, eve := r.login("ann", "1"), r.login("bob", "1"), r.login("eve", "1")
	ann.invites("bob", "come", callSent, callReceived)
	bob.await("MakeCall")
	eve.answers("AcceptCall", "ann")
	eve.cancels("bob")
	ann.wantNoMore("AcceptCall")
	bob.wantNoMore("CancelCall")
	bob.answers("AcceptCall", "ann")
	ann.got("AcceptCall", answered)
}

func TestOneClientHasSoManyInvitationsAndNoMore(t *testing.T) {
	r := newRig(t)
	ann := r.login("ann", "1")
	r.login("bob", "1")
	for i := range maxCalls + 1 {
		ann.send("MakeCall", map[string]any{"CallId": fmt.Sprint(i), "ToUId": "bob"})
	}
	for range maxCalls {
		ann.await("CallStatus")
		ann.await("CallStatus")
	}
	if got := fmt.Sprint(ann.await("CallStatus").content); got != fmt.Sprintf("map[CallId:%d Status:%d]", maxCalls, callNoResponse) {
		t.Errorf("got %s", got)
	}
}

func TestTextsAreCountedAsTheSDKCountsThem(t *testing.T) {
	for _, test := range []struct {
		text string
		good bool
	}{
		{strings.Repeat("x", 32768), true},
		{strings.Repeat("x", 32769), false},
		{strings.Repeat("電", 16384), true},
		{strings.Repeat("電", 16384) + "x", false},
		{strings.Repeat("é", 24576), true},
		{strings.Repeat("🚩", 12288), true},
		{strings.Repeat("🚩", 12289), false}, // over 48 KiB
		{"", false},
	} {
		if got := (textMessage{MsgBody: test.text}).good(); got != test.good {
			t.Errorf("%d bytes: got %t", len(test.text), got)
		}
	}
}
