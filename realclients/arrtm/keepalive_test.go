package arrtm_test

import (
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// What browsers say of themselves decides on who keeps the connection alive.
const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	chrome  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)

// The client asks every 10 seconds, and gives up where nothing comes within 20.
func keepAliveOfTheClient(t *testing.T, p *program) {
	stayAlive(t, p, firefox, "got KeepAlive")
}

// The server asks, and the client gives up where it does not ask again within 20 seconds.
func keepAliveOfTheServer(t *testing.T, p *program) {
	stayAlive(t, p, chrome, "got ReqKeepAlive")
}

func stayAlive(t *testing.T, p *program, agent, sign string) {
	server, ledger := testserver.New(t), testserver.NewLedger()
	ann := p.clientLike(t, server, ledger, "ann", "ann", agent)
	ann.login("")
	for range 4 {
		ann.await(sign)
	}
	p.none(t, ann.name, "ConnectionStateChanged")
	bob := p.entered(t, server, ledger, "bob")
	bob.sendTo(ann, received)
	ann.sendTo(bob, received)
	settle(t, ledger, ann, bob)
}
