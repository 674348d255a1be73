package arrtm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// The numbers of the SDK for a login that failed.
const (
	invalidAppID = 3
	invalidToken = 4
	tokenIsOver  = 5
)

func login(t *testing.T, p *program) {
	ann := p.client(t, testserver.New(t), testserver.NewLedger(), "ann")
	for range 2 {
		ann.login("")
		ann.call(nil, "logout")
		ann.state("DISCONNECTED LOGOUT")
	}
}

func loginRefused(t *testing.T, p *program) {
	server, ledger := testserver.New(t, certified), testserver.NewLedger()
	for _, test := range []struct {
		uid, token string
		code       int
	}{
		{"none", "", invalidToken},
		{"garbage", "006" + strings.Repeat("garbage", 20), invalidToken},
		{"stranger", token(t, "ann", time.Minute), invalidToken},
		{"late", expired(t, "late"), tokenIsOver},
	} {
		c := p.client(t, server, ledger, test.uid)
		p.refused(t, test.code, c.name, "login", c.credentials(test.token))
		c.state("CONNECTING LOGIN")
		c.state("DISCONNECTED LOGIN_FAILURE")
	}
	ann := p.client(t, server, ledger, "ann")
	ann.login(token(t, "ann", time.Minute))

	stranger := "ffffffffffffffffffffffffffffffff"
	if _, refused := p.do(order{Do: "create", Object: "stranger app", Args: []any{stranger, ann.address(), ""}}); refused != nil {
		t.Fatal(refused)
	}
	p.refused(t, invalidAppID, "stranger app", "login", ann.credentials(""))
}

// expired makes a token that was good a moment ago.
func expired(t *testing.T, uid string) string {
	t.Helper()
	return tokenAt(t, uid, time.Now().Add(-time.Minute), time.Second)
}

// A second login of a user throws the first one out, and has the messages from then on.
func secondLogin(t *testing.T, p *program) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	bob := p.entered(t, server, ledger, "bob")
	first := p.entered(t, server, ledger, "ann")
	bob.sendTo(first, received)
	second := p.clientLike(t, server, ledger, "ann", "ann again", "")
	second.login("")
	first.state("DISCONNECTED REMOTE_LOGIN")
	for range 3 {
		bob.sendTo(second, received)
	}
	p.refused(t, 102, first.name, "sendMessageToPeer", map[string]string{"text": "x"}, "bob")
	settle(t, ledger, bob, second)
	if n := p.pending(first.name, "MessageFromPeer"); n != 1 {
		t.Errorf("the first has received %d messages, want 1", n)
	}
	// It may come back, and then throws out the second.
	first.login("")
	second.state("DISCONNECTED REMOTE_LOGIN")
	bob.sendTo(first, received)
	settle(t, ledger, bob, first)
}

// A client that has renewed its token lives on, and returns with the token it began with.
func tokenRenewed(t *testing.T, p *program) {
	server, ledger := testserver.New(t, certified), testserver.NewLedger()
	ann, eve := p.client(t, server, ledger, "ann"), p.client(t, server, ledger, "eve")
	ann.login(token(t, "ann", 5*time.Second))
	ann.await("TokenWillExpired")
	ann.call(nil, "renewToken", token(t, "ann", time.Hour))
	ann.roundTrip()
	// Eve does not renew hers, and so tells when Ann's first one is over.
	eve.login(token(t, "eve", 6*time.Second))
	eve.await("TokenDidExpired")
	ann.roundTrip()
	p.none(t, ann.name, "TokenDidExpired", "ConnectionStateChanged")
	ann.interrupt()
	ann.returned()
	bob := p.client(t, server, ledger, "bob")
	bob.login(token(t, "bob", time.Hour))
	bob.sendTo(ann, received)
	settle(t, ledger, ann, bob)
}

// A client is told that its token ends, and then that it has ended; with another it may
// come again.
func tokenExpired(t *testing.T, p *program) {
	server, ledger := testserver.New(t, certified), testserver.NewLedger()
	ann := p.client(t, server, ledger, "ann")
	ann.login(token(t, "ann", 3*time.Second))
	ann.await("TokenWillExpired")
	ann.await("TokenDidExpired")
	ann.login(token(t, "ann", time.Hour))
	bob := p.client(t, server, ledger, "bob")
	bob.login(token(t, "bob", time.Hour))
	bob.sendTo(ann, received)
	settle(t, ledger, ann, bob)
}
