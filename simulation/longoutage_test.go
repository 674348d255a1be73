package simulation

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/storage/sqlite"
)

const (
	// outageTime is how long the first answer stays the only one.
	outageTime = 8 * 24 * time.Hour
	// lastRetry is longer than the time between two attempts ever gets.
	lastRetry = 2 * time.Hour
)

// A manner is how a transaction is dealt with on its way to a server.
type manner func(server http.Handler, w http.ResponseWriter, r *http.Request)

// passOn has the server answer.
func passOn(server http.Handler, w http.ResponseWriter, r *http.Request) { server.ServeHTTP(w, r) }

// loseAnswer has the server take a transaction. The one who sent it hears nothing.
func loseAnswer(server http.Handler, _ http.ResponseWriter, r *http.Request) {
	server.ServeHTTP(httptest.NewRecorder(), r)
	<-r.Context().Done()
}

// loseRequest keeps a transaction from the server.
func loseRequest(_ http.Handler, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// refuse answers in the server's place.
func refuse(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

// A gate stands before a server, and deals with each transaction in its manner.
type gate struct {
	mu           sync.Mutex
	manner       manner // guarded by mu
	transactions int    // that have come; guarded by mu
}

// put puts the gate before a server.
func (g *gate) put(w *world, name spec.ServerName) {
	find := w.net.find
	w.net.find = func(to string) *instance {
		i := find(to)
		if i == nil || to != string(name) {
			return i
		}
		gated := *i
		gated.forServers = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/_matrix/federation/v1/send/") {
				i.forServers.ServeHTTP(w, r)
				return
			}
			g.mu.Lock()
			g.transactions++
			manner := g.manner
			g.mu.Unlock()
			manner(i.forServers, w, r)
		})
		return &gated
	}
}

// turn changes the manner, and gives how many transactions have come.
func (g *gate) turn(m manner) (transactions int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.manner = m
	return g.transactions
}

// The sender has not heard that its transaction was taken. However long it asks in
// vain, and whatever is forgotten meanwhile, the messages come once and in order,
// with those that were accepted behind them.
func TestLostAnswerAndEightDaysOfFailuresDeliverOnce(t *testing.T) {
	for name, meanwhile := range map[string]manner{
		"requests lost": loseRequest, "requests refused": refuse, "answers lost": loseAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			synctest.Test(t, func(t *testing.T) { longOutage(t, folder, meanwhile) })
		})
	}
}

func longOutage(t *testing.T, folder string, meanwhile manner) {
	w, err := newWorld(Options{Seed: 1, Folder: folder})
	defer w.close()
	if err != nil {
		t.Fatal(err)
	}
	w.net.plan = plan{latency: 20 * time.Millisecond} // nothing but the gate does harm
	here, there := w.nodes[0], w.nodes[len(w.nodes)-1]
	from, to := w.clients[0], w.clients[len(w.clients)-1] // listed server by server
	g := &gate{manner: loseAnswer}
	g.put(w, there.name)
	sender := testserver.Sender{Client: from, Ledger: w.ledger, To: []testserver.Device{to.Device}}
	send := func() {
		if err := sender.Send(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	send()
	time.Sleep(time.Second)
	if transactions := g.turn(meanwhile); transactions != 1 {
		t.Fatalf("%d transactions have come, want one, whose answer is lost", transactions)
	}
	for began := time.Now(); time.Since(began) < outageTime; time.Sleep(24 * time.Hour) {
		send()
	}
	t.Logf("%d attempts", g.turn(passOn))
	time.Sleep(lastRetry)
	for _, n := range []*node{here, there} {
		sweptAlready(t, n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := testserver.NewReceiver(to, w.ledger).Drain(ctx); err != nil {
		t.Error(err)
	}
	w.ledger.Check(t)
}

// sweptAlready checks that a server has forgotten by itself what it may: otherwise
// nothing is shown of what it must not.
func sweptAlready(t *testing.T, n *node) {
	t.Helper()
	store, err := sqlite.Open(n.database(), sqlite.Options{ServerName: n.name, Driver: n.bug.driver()})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Sweep(t.Context(), time.Now())
	if err != nil || rows > 0 {
		t.Errorf("%s has not swept %d rows, %v", n.name, rows, err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
