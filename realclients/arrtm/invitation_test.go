package arrtm_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// An invitation is a call from ann to bob.
type invitation struct {
	p        *program
	ann, bob *client
	local    string // the names of its two sides for the program
	remote   string
}

// invite lets ann call bob, who hears of it.
func invite(t *testing.T, p *program) invitation {
	t.Helper()
	server, ledger := testserver.New(t), testserver.NewLedger()
	i := invitation{p: p, ann: p.entered(t, server, ledger, "ann"), bob: p.entered(t, server, ledger, "bob")}
	i.local, i.remote = i.ann.invites("bob"), i.bob.name+"/invited"
	p.awaitValues(t, i.bob.name, "RemoteInvitationReceived", map[string]string{"callerId": "ann", "content": "shall we?"})
	p.await(i.local, "LocalInvitationReceivedByPeer")
	return i
}

// invites sends an invitation, and gives its name for the program.
func (c *client) invites(uid string) string {
	c.t.Helper()
	name := c.name + "/inviting"
	for _, o := range []order{
		{Do: "call", Object: c.name, Method: "createLocalInvitation", Args: []any{uid}, As: name},
		{Do: "set", Object: name, Method: "content", Args: []any{"shall we?"}},
		{Do: "call", Object: name, Method: "send"},
	} {
		if _, refused := c.p.do(o); refused != nil {
			c.t.Fatal(refused)
		}
	}
	return name
}

// answers lets bob answer.
func (i invitation) answers(t *testing.T, method string) {
	t.Helper()
	i.p.do(order{Do: "set", Object: i.remote, Method: "response", Args: []any{"we shall see"}})
	i.p.call(t, i.remote, nil, method)
}

// done checks that nothing else happens, and that both sides go on.
func (i invitation) done(t *testing.T) {
	t.Helper()
	i.ann.sendTo(i.bob, received)
	i.bob.sendTo(i.ann, received)
	settle(t, i.ann.ledger, i.ann, i.bob)
	i.p.none(t, i.local, "LocalInvitationAccepted", "LocalInvitationRefused", "LocalInvitationCanceled", "LocalInvitationFailure")
	i.p.none(t, i.remote, "RemoteInvitationAccepted", "RemoteInvitationRefused", "RemoteInvitationCanceled", "RemoteInvitationFailure")
}

func invitationAccepted(t *testing.T, p *program) {
	i := invite(t, p)
	i.answers(t, "accept")
	p.awaitValues(t, i.local, "LocalInvitationAccepted", "we shall see")
	p.await(i.remote, "RemoteInvitationAccepted")
	i.done(t)
}

func invitationRefused(t *testing.T, p *program) {
	i := invite(t, p)
	i.answers(t, "refuse")
	p.awaitValues(t, i.local, "LocalInvitationRefused", "we shall see")
	p.await(i.remote, "RemoteInvitationRefused")
	i.done(t)
}

func invitationCanceled(t *testing.T, p *program) {
	i := invite(t, p)
	p.call(t, i.local, nil, "cancel")
	p.await(i.local, "LocalInvitationCanceled")
	p.awaitValues(t, i.remote, "RemoteInvitationCanceled", "shall we?")
	i.done(t)
}

func invitationToNobody(t *testing.T, p *program) {
	ann := p.entered(t, testserver.New(t), testserver.NewLedger(), "ann")
	p.awaitValues(t, ann.invites("bob"), "LocalInvitationFailure", "PEER_OFFLINE")
	ann.roundTrip()
}
