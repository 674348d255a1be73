package arrtm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

func peerMessages(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	for range 20 {
		ann.sendTo(bob, received)
		bob.sendTo(ann, received)
	}
	ann.sendTo(ann, received)
	// Who is not there, and gets nothing later, gets it never.
	bob.call(nil, "logout")
	if got := ann.sendText("never to be read", "bob", false); got != unreceived {
		t.Errorf("hasPeerReceived is %q, want false", got)
	}
	if got := ann.sendText("never to be read", "nobody", false); got != unreceived {
		t.Errorf("hasPeerReceived is %q, want false", got)
	}
	bob.state("DISCONNECTED LOGOUT")
	bob.login("")
	ann.sendTo(bob, received)
	settle(t, ledger, ann, bob)
}

// A text arrives as it was sent, up to 32 KB. What is too long is refused, and the session
// goes on.
func peerMessageLimits(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	p.listen(bob.name, "MessageFromPeer", func(event) {}) // these are not the ledger's
	for _, text := range []string{
		"a \"quoted\" \\ line\nand another\u2028\x00\x7f <b>&amp;", "héllo 電報 🚩", strings.Repeat("x", 32768),
		strings.Repeat("電", 16384), // 48 KB, which the SDK counts as 32

	} {
		if got := ann.sendText(text, "bob", true); got != received {
			t.Errorf("hasPeerReceived is %q for a text of %d bytes", got, len(text))
		}
		var message struct{ Text string }
		if err := json.Unmarshal(bob.await("MessageFromPeer")[0], &message); err != nil || message.Text != text {
			t.Errorf("a text of %d bytes came as %.50q, %v", len(text), message.Text, err)
		}
	}
	const invalidMessage, invalidUser = 7, 6
	p.refused(t, invalidMessage, ann.name, "sendMessageToPeer", map[string]string{"text": strings.Repeat("x", 32769)}, "bob")
	p.refused(t, invalidUser, ann.name, "sendMessageToPeer", map[string]string{"text": "x"}, "bob*")
	bob.roundTrip()
	p.none(t, bob.name, "MessageFromPeer")
	p.none(t, ann.name, "ConnectionStateChanged")
	p.listen(bob.name, "MessageFromPeer", bob.received)
	ann.sendTo(bob, received)
	settle(t, ledger, ann, bob)
}

// What was sent to someone who was away is there at the login, once, and before anything
// new.
func offlineMessages(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.clientLike(t, server, ledger, "bob", "bob", firefox)
	const waiting = 10
	for range waiting {
		ann.sendTo(bob, unreceived)
	}
	bob.login("")
	for range waiting {
		if !bob.nextIsOffline() {
			t.Error("a message that has waited is not marked so")
		}
	}
	for range 5 {
		ann.sendTo(bob, received)
		if bob.nextIsOffline() {
			t.Error("a message that has not waited is marked so")
		}
	}
	settle(t, ledger, ann, bob)
	// A sign of life some time after the login says that it has what it has fetched.
	bob.await("got KeepAlive")
	bob.await("got KeepAlive")
	bob.call(nil, "logout")
	bob.state("DISCONNECTED LOGOUT")
	bob.login("")
	ann.sendTo(bob, received)
	settle(t, ledger, ann, bob)
}

func (c *client) nextIsOffline() bool {
	c.t.Helper()
	var properties struct {
		IsOfflineMessage bool
		ServerReceivedTs int64
	}
	if err := json.Unmarshal(c.await("MessageFromPeer")[2], &properties); err != nil {
		c.t.Fatal(err)
	}
	if properties.ServerReceivedTs < 1e12 {
		c.t.Errorf("the time of a message is %d", properties.ServerReceivedTs)
	}
	return properties.IsOfflineMessage
}

// A connection that breaks is made again. What was sent meanwhile comes, and nobody is
// told that the user was away.
func interruption(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann, bob := p.entered(t, server, ledger, "ann"), p.entered(t, server, ledger, "bob")
	ann.call(nil, "subscribePeersOnlineStatus", []string{"bob"})
	p.awaitValues(t, ann.name, "PeersOnlineStatusChanged", map[string]string{"bob": "ONLINE"})
	for range 3 {
		bob.interrupt()
		for range 5 {
			ann.send(bob.device, "bob")
		}
		bob.returned()
		bob.sendTo(ann, received)
		ann.sendTo(bob, received)
	}
	settle(t, ledger, ann, bob)
	p.none(t, ann.name, "PeersOnlineStatusChanged")
	// What was confirmed does not come again.
	bob.interrupt()
	bob.returned()
	settle(t, ledger, ann, bob)
}
