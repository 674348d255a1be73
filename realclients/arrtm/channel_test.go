package arrtm_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func channel(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob, eve := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob"), p.entered(t, server, ledger, "eve")
	const notInChannel, alreadyJoined = 5, 6
	a := ann.channel("room")
	p.refused(t, notInChannel, a.name, "sendMessage", map[string]string{"text": "x"})
	a.do("join")
	p.refused(t, alreadyJoined, a.name, "join")
	a.awaits("MemberCountUpdated", 1)
	b := bob.joined("room")
	a.awaits("MemberJoined", "bob")
	a.awaits("MemberCountUpdated", 2)
	b.awaits("MemberCountUpdated", 2)
	for range 20 {
		a.say(bob)
		b.say(ann)
	}
	a.members("ann", "bob")
	var counts map[string]int
	eve.call(&counts, "getChannelMemberCount", []string{"room", "empty"})
	if len(counts) != 2 || counts["room"] != 2 || counts["empty"] != 0 {
		t.Errorf("the member counts are %v", counts)
	}
	e := eve.joined("room")
	a.awaits("MemberJoined", "eve")
	b.awaits("MemberJoined", "eve")
	e.say(ann, bob)
	a.say(bob, eve)
	arrive(t, ledger)
	b.do("leave")
	a.awaits("MemberLeft", "bob")
	e.awaits("MemberLeft", "bob")
	a.say(eve)
	a.members("ann", "eve")
	arrive(t, ledger)
	eve.call(nil, "logout")
	a.awaits("MemberLeft", "eve")
	a.members("ann")
	b.do("join")
	a.awaits("MemberJoined", "bob")
	b.say(ann)
	a.say(bob)
	settle(t, ledger, ann, bob)
	p.none(t, a.name, "MemberJoined", "MemberLeft")
}

// A member whose connection breaks stays one; it gets what was said meanwhile.
func channelInterruption(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	a, b := ann.joined("room"), bob.joined("room")
	a.awaits("MemberJoined", "bob")
	for range 3 {
		bob.interrupt()
		for range 5 {
			a.say(bob)
		}
		bob.returned()
		bob.await("got JoinChannel")
		b.members("ann", "bob")
		a.say(bob)
		b.say(ann)
		arrive(t, ledger)
	}
	settle(t, ledger, ann, bob)
	p.none(t, a.name, "MemberJoined", "MemberLeft")
}
