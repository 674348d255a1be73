package arrtm_test

import (
	"maps"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func presence(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	ann.seesOnline(map[string]bool{"ann": true, "bob": true, "eve": false})
	ann.call(nil, "subscribePeersOnlineStatus", []string{"bob", "eve"})
	p.awaitValues(t, ann.name, "PeersOnlineStatusChanged", map[string]string{"bob": "ONLINE", "eve": "OFFLINE"})
	var online []string
	ann.call(&online, "queryPeersBySubscriptionOption", "ONLINE_STATUS")
	if len(online) != 1 || online[0] != "bob" {
		t.Errorf("of those subscribed to are online %q", online)
	}
	eve := p.entered(t, server, ledger, "eve")
	p.awaitValues(t, ann.name, "PeersOnlineStatusChanged", map[string]string{"eve": "ONLINE"})
	bob.call(nil, "logout")
	p.awaitValues(t, ann.name, "PeersOnlineStatusChanged", map[string]string{"bob": "OFFLINE"})
	ann.seesOnline(map[string]bool{"ann": true, "bob": false, "eve": true})
	// A subscription outlives a broken connection.
	ann.interrupt()
	ann.returned()
	bob.state("DISCONNECTED LOGOUT")
	bob.login("")
	p.awaitValues(t, ann.name, "PeersOnlineStatusChanged", map[string]string{"bob": "ONLINE"})
	ann.call(nil, "unsubscribePeersOnlineStatus", []string{"bob"})
	bob.call(nil, "logout")
	eve.call(nil, "logout")
	p.awaitValues(t, ann.name, "PeersOnlineStatusChanged", map[string]string{"eve": "OFFLINE"})
	ann.roundTrip()
	p.none(t, ann.name, "PeersOnlineStatusChanged")
}

func (c *client) seesOnline(want map[string]bool) {
	c.t.Helper()
	var uids []string
	for uid := range want {
		uids = append(uids, uid)
	}
	var got map[string]bool
	c.call(&got, "queryPeersOnlineStatus", uids)
	if !maps.Equal(got, want) {
		c.t.Errorf("online are %v, want %v", got, want)
	}
}
