package federationapi_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/todevice"
)

// gatedRelay holds up the batches of one origin at a gate, and notes which passed
// it, in their order.
type gatedRelay struct {
	federationapi.Relay
	origin  spec.ServerName
	arrived chan string   // the IDs of those at the gate
	open    chan struct{} // takes one through for each value, all once it is closed

	mu     sync.Mutex
	passed []string // guarded by mu
}

func (r *gatedRelay) Send(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	if b.Source.Origin == r.origin {
		r.arrived <- b.Source.TxnID
		<-r.open
		r.mu.Lock()
		r.passed = append(r.passed, b.Source.TxnID)
		r.mu.Unlock()
	}
	return r.Relay.Send(ctx, b)
}

// A crowd is a house whose relay has a gate, and the requests that wait for it.
type crowd struct {
	*house
	gate    *gatedRelay
	answers []chan *httptest.ResponseRecorder
}

func newCrowd(t *testing.T) *crowd {
	gate := &gatedRelay{origin: there, arrived: make(chan string, 100), open: make(chan struct{})}
	c := &crowd{gate: gate, house: newHouse(t, options{relay: func(real federationapi.Relay) federationapi.Relay {
		gate.Relay = real
		return gate
	}})}
	c.knows(there, remotetest.Key("1"), 0)
	c.knows("else.test", remotetest.Key("1"), 0)
	return c
}

// send begins to send a transaction of one message.
func (c *crowd) send(txnID string, n int) {
	answer := make(chan *httptest.ResponseRecorder, 1)
	c.answers = append(c.answers, answer)
	go func() {
		answer <- c.put(there, remotetest.Key("1"), send+txnID, transaction(edu(fmt.Sprint("m", n), message(n))))
	}()
}

// awaitLine waits until as many transactions are in line behind the one at work.
func (c *crowd) awaitLine(waiting int) {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); c.server.InLine() != waiting; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%d transactions in line, want %d", c.server.InLine(), waiting)
		}
	}
}

func TestTransactionsOfAnOriginAreDoneOneByOne(t *testing.T) {
	c := newCrowd(t)
	inbox := c.device("alice", "D")
	c.send("t0", 0)
	if id := <-c.gate.arrived; id != "t0" {
		t.Fatalf("%s is at work", id)
	}
	var want []string
	for n := 1; n <= 8; n++ {
		c.send(fmt.Sprint("t", n), n)
		c.awaitLine(n)
	}
	for n := range 9 {
		want = append(want, event(n))
	}
	// One too many, and one of another origin.
	w := c.put(there, remotetest.Key("1"), send+"t9", transaction(edu("m9", message(9))))
	expect(t, w, 429, "M_LIMIT_EXCEEDED")
	if w.Header().Get("Retry-After") != "1" || w.Body.String() != `{"errcode":"M_LIMIT_EXCEEDED","error":"Too many transactions are waiting","retry_after_ms":1000}` {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	if c.refused("transactions_waiting") != 1 {
		t.Error("not counted as transactions_waiting")
	}
	expect(t, c.put("else.test", remotetest.Key("1"), send+"t0", `{"pdus":[]}`), 200, "")

	close(c.gate.open)
	for _, answer := range c.answers {
		expect(t, <-answer, 200, "")
	}
	if got := c.events(inbox); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if c.server.InLine() != 0 {
		t.Errorf("%d still in line", c.server.InLine())
	}
	// The one that was refused comes again.
	expect(t, c.put(there, remotetest.Key("1"), send+"t9", transaction(edu("m9", message(9)))), 200, "")
}

func TestRepetitionOfATransactionAtWorkGetsItsAnswer(t *testing.T) {
	c := newCrowd(t)
	inbox := c.device("alice", "D")
	c.send("t", 1)
	<-c.gate.arrived
	c.send("t", 1)
	c.awaitLine(1)
	close(c.gate.open)
	first, second := <-c.answers[0], <-c.answers[1]
	expect(t, first, 200, "")
	expect(t, second, 200, "")
	if first.Body.String() != second.Body.String() {
		t.Errorf("answers %s and %s", first.Body, second.Body)
	}
	if got := c.events(inbox); !slices.Equal(got, []string{event(1)}) {
		t.Errorf("delivered %v", got)
	}
}

func TestOriginOverItsRateIsToldWhenToComeAgain(t *testing.T) {
	h := newHouse(t, options{config: func(cfg *federationapi.Config) { cfg.LimitRates = true }})
	h.knows(there, remotetest.Key("1"), 0)
	h.knows("else.test", remotetest.Key("1"), 0)
	const uri = "/_matrix/federation/v1/query/profile?user_id=%40nobody%3Ahere.test"
	get := func(origin spec.ServerName, version string) *httptest.ResponseRecorder {
		s := remotetest.Signing{Key: remotetest.Key(version), Method: "GET", URI: uri, Origin: origin, Destination: here, SignedFor: here}
		return h.request("GET", uri, "", s.Header(t))
	}
	for range 400 {
		expect(t, get(there, "1"), 404, "M_NOT_FOUND")
	}
	w := get(there, "1")
	expect(t, w, 429, "M_LIMIT_EXCEEDED")
	if w.Header().Get("Retry-After") != "1" || w.Body.String() != `{"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests","retry_after_ms":5}` {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	expect(t, get("else.test", "1"), 404, "M_NOT_FOUND")
	h.pass(5 * time.Millisecond)
	// What another only says is of this origin takes nothing from it.
	expect(t, get(there, "2"), 401, "M_UNAUTHORIZED")
	expect(t, get(there, "1"), 404, "M_NOT_FOUND")
	expect(t, get(there, "1"), 429, "M_LIMIT_EXCEEDED")
	if got := h.refused("limited"); got != 2 {
		t.Errorf("%v requests counted as limited, want 2", got)
	}
}

func TestAddressOverItsRateOfKeyQueriesIsToldWhenToComeAgain(t *testing.T) {
	h := newHouse(t, options{config: func(cfg *federationapi.Config) { cfg.LimitRates = true }})
	ask := func(address, method, uri, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, uri, strings.NewReader(body))
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		h.router.ServeHTTP(w, r)
		return w
	}
	const post = `{"server_keys":{"here.test":{}}}`
	for n := range 100 {
		// Whoever has one address of an IPv6 network has all of it.
		expect(t, ask(fmt.Sprintf("[2001:db8::%x]:1", n), "POST", keyQuery, post), 200, "")
	}
	for _, c := range []struct{ method, uri, body string }{
		{"POST", keyQuery, post}, {"POST", keyQuery, "{"}, {"GET", keyQuery + "/here.test", ""}, {"GET", keyQuery + "/here.test/ed25519:1", ""},
	} {
		w := ask("[2001:db8::ffff:1]:1", c.method, c.uri, c.body)
		expect(t, w, 429, "M_LIMIT_EXCEEDED")
		if w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"retry_after_ms":100`) {
			t.Errorf("got %v %s", w.Header(), w.Body)
		}
	}
	if got := h.refused("key_queries"); got != 4 {
		t.Errorf("%v requests counted as key_queries, want 4", got)
	}
	expect(t, ask("192.0.2.1:1", "POST", keyQuery, post), 200, "")
	expect(t, ask("[2001:db8::1]:1", "GET", "/_matrix/key/v2/server", ""), 200, "")
	h.pass(100 * time.Millisecond)
	expect(t, ask("[2001:db8::1]:1", "POST", keyQuery, post), 200, "")
}
