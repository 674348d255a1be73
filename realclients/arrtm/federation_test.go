package arrtm_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// twoServers lets users of two servers write to one another by their full names.
func twoServers(t *testing.T, p *program) {
	servers, ledger := testserver.Federated(t, "alpha.test", "beta.test"), testserver.NewLedger()
	ann, bob := p.entered(t, servers[0], ledger, "ann"), p.entered(t, servers[1], ledger, "bob")
	for range 20 {
		ann.sendAbroad(bob)
		bob.sendAbroad(ann)
	}
	arrive(t, ledger)
	bob.call(nil, "logout")
	bob.state("DISCONNECTED LOGOUT")
	for range 5 {
		ann.sendAbroad(bob)
	}
	bob.login("")
	settle(t, ledger, ann, bob)
}

// sendAbroad sends to a user of another server. Whether that has received it nobody says.
func (c *client) sendAbroad(to *client) {
	c.t.Helper()
	if got := c.send(to.device, to.device.User); got != received && got != unreceived {
		c.t.Errorf("%s to %s: hasPeerReceived is %q", c.name, to.name, got)
	}
}

// A channel of one server is open to the users of the other by its full name.
func channelOfTwoServers(t *testing.T, p *program) {
	servers, ledger := testserver.Federated(t, "alpha.test", "beta.test"), testserver.NewLedger()
	ann, bob := p.entered(t, servers[0], ledger, "ann"), p.entered(t, servers[1], ledger, "bob")
	a := ann.joined("room")
	b := bob.joined("#room:alpha.test")
	a.awaits("MemberJoined", bob.device.User)
	for range 20 {
		a.say(bob)
		b.say(ann)
	}
	a.members("ann", bob.device.User)
	arrive(t, ledger)
	b.do("leave")
	a.awaits("MemberLeft", bob.device.User)
	a.say()
	settle(t, ledger, ann, bob)
	p.none(t, b.name, "MemberLeft")
}
