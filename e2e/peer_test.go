package e2e_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/internal/testserver"
)

// A peer is another server, which takes transactions as a Matrix server does once
// its manners let them through.
type peer struct {
	name    spec.ServerName
	manners func(p *peer, w http.ResponseWriter, r *http.Request) (body []byte, ok bool)
	ledger  *testserver.Ledger
	open    func() // has requests answered, which wait until then
	opened  <-chan struct{}
	hung    chan struct{} // gets a value when a request has come
	http    *httptest.Server

	mu       sync.Mutex
	requests int               // guarded by mu
	bodies   map[string][]byte // by transaction ID; guarded by mu
	taken    map[string]bool   // transaction IDs and message IDs; guarded by mu
	faults   []string          // guarded by mu
}

// polite reads the whole body.
func polite(_ *peer, _ http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	return body, err == nil
}

// newPeer starts a peer that holds back its answers until it is told to open.
func newPeer(t *testing.T, name spec.ServerName, manners func(*peer, http.ResponseWriter, *http.Request) ([]byte, bool)) *peer {
	opened := make(chan struct{})
	p := &peer{
		name: name, manners: manners, ledger: testserver.NewLedger(),
		open: sync.OnceFunc(func() { close(opened) }), opened: opened, hung: make(chan struct{}, 1),
		bodies: make(map[string][]byte), taken: make(map[string]bool),
	}
	p.http, _ = remotetest.ServeTLS(t, name, p)
	t.Cleanup(func() {
		p.open()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fault := range p.faults {
			t.Errorf("%s: %s", name, fault)
		}
	})
	return p
}

// knowing starts a server that knows where the peers are.
func knowing(t *testing.T, peers ...*peer) *testserver.Server {
	t.Helper()
	hosts := make(map[spec.ServerName]string)
	var roots []byte
	for _, p := range peers {
		hosts[p.name] = p.http.Listener.Addr().String()
		roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.http.Certificate().Raw})...)
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	return testserver.New(t, testserver.Named("alpha.test"), func(c *config.Config) {
		c.Federation.Hosts, c.Federation.CAFile = hosts, file
		c.Metrics.Listen = "127.0.0.1:0"
	})
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/_matrix/federation/v1/send/") {
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	p.requests++
	p.mu.Unlock()
	select {
	case p.hung <- struct{}{}:
	default:
	}
	<-p.opened
	if body, ok := p.manners(p, w, r); ok {
		p.take(path.Base(r.URL.Path), body)
		_, _ = io.WriteString(w, `{"pdus":{}}`)
	}
}

// take uses what a transaction brings that has not come before.
func (p *peer) take(txnID string, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, again := p.bodies[txnID]; again && string(before) != string(body) {
		p.faults = append(p.faults, "transaction "+txnID+" has come with two contents")
	}
	p.bodies[txnID] = body
	var transaction struct {
		EDUs []json.RawMessage `json:"edus"`
	}
	if err := json.Unmarshal(body, &transaction); err != nil || len(transaction.EDUs) > 100 {
		p.faults = append(p.faults, fmt.Sprintf("a transaction of %d EDUs, %v", len(transaction.EDUs), err))
	}
	for _, raw := range transaction.EDUs {
		var edu struct {
			Content struct {
				Sender    string                                `json:"sender"`
				Type      string                                `json:"type"`
				MessageID string                                `json:"message_id"`
				Messages  map[string]map[string]json.RawMessage `json:"messages"`
			} `json:"content"`
		}
		if err := json.Unmarshal(raw, &edu); err != nil || len(raw) > 64<<10 {
			p.faults = append(p.faults, fmt.Sprintf("an EDU of %d bytes, %v", len(raw), err))
		}
		if p.taken[edu.Content.MessageID] {
			continue
		}
		p.taken[edu.Content.MessageID] = true
		for user, devices := range edu.Content.Messages {
			for id, content := range devices {
				event := testserver.Event{Sender: edu.Content.Sender, Type: edu.Content.Type, Content: content}
				p.ledger.Used(testserver.Device{User: user, ID: id}, []testserver.Event{event})
			}
		}
	}
}

// device is one that messages can be sent to.
func (p *peer) device() testserver.Device {
	return testserver.Device{User: "@bob:" + string(p.name), ID: "TABLET"}
}

// send has the peer sent so many messages, longer by so many bytes than need be.
func (p *peer) send(t *testing.T, from *testserver.Client, messages, longer int) {
	t.Helper()
	to := p.device()
	for i := range messages {
		m := p.ledger.Sending(from.Device, to)
		content := fmt.Sprintf(`{"stamp":%q,"x":"%s"}`, m.Stamp(), strings.Repeat("x", longer))
		sendContent(t, from, fmt.Sprint(to.User, m.Stamp(), i), to, content)
		p.ledger.Accepted(m)
	}
}

func sendContent(t *testing.T, from *testserver.Client, txnID string, to testserver.Device, content string) {
	t.Helper()
	messages := testserver.Messages{to.User: {to.ID: json.RawMessage(content)}}
	if err := from.SendToDevice(within(t, atOnce), "im.chappe.test", txnID, messages); err != nil {
		t.Fatal(err)
	}
}

// settle waits until the peer has everything, and the server knows it.
func (p *peer) settle(t *testing.T, server *testserver.Server) {
	t.Helper()
	if err := p.ledger.AwaitNothingMissing(within(t, soon)); err != nil {
		t.Errorf("%s misses something: %v", p.name, err)
	}
	awaitEmptyQueues(t, server)
	p.ledger.Check(t)
}

// metric reads a counter without labels.
func metric(t *testing.T, server *testserver.Server, name string) string {
	t.Helper()
	for line := range strings.Lines(metrics(t, server)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// listening is what a server logs of where its metrics are, in either format.
var listening = regexp.MustCompile(`address"?[=:]"?([0-9.:]+)"? ?.*listener"?[=:]"?metrics`)

// metrics gives all that a server counts. Its log says where that is.
func metrics(t *testing.T, server *testserver.Server) string {
	t.Helper()
	found := listening.FindAllStringSubmatch(server.Log(), -1)
	if found == nil {
		t.Fatal("the server does not say where its metrics are")
	}
	answer, err := http.Get("http://" + found[len(found)-1][1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// asked gives how many transactions were sent, repetitions included.
func (p *peer) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}
