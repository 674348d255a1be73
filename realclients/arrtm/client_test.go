package arrtm_test

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

const (
	appID       = "0123456789abcdef0123456789abcdef"
	certificate = "fedcba9876543210fedcba9876543210"
	// rtm is the device of every user of RTM.
	rtm = "RTM"
)

// certified makes a server ask for tokens.
func certified(c *config.Config) { c.RTM.Apps[0].Certificate = certificate }

// token makes one for a user, good from now on.
func token(t *testing.T, uid string, life time.Duration) string {
	t.Helper()
	return tokenAt(t, uid, time.Now(), life)
}

func tokenAt(t *testing.T, uid string, from time.Time, life time.Duration) string {
	t.Helper()
	app := rtmtoken.App{ID: appID, Certificate: certificate}
	made, err := rtmtoken.Build(rtmtoken.V006, app, uid, from, life)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A client is one client of the SDK.
type client struct {
	t      *testing.T
	p      *program
	name   string // for the program
	uid    string
	server *testserver.Server
	ledger *testserver.Ledger
	device testserver.Device
	link   *link
}

// client makes a client that is not logged in. What it receives goes into the ledger.
func (p *program) client(t *testing.T, server *testserver.Server, ledger *testserver.Ledger, uid string) *client {
	t.Helper()
	return p.clientLike(t, server, ledger, uid, uid, "")
}

// clientLike makes one that has another name than its uid, for a second one of a user, or
// that takes its program for another: agent is what a browser says of itself.
func (p *program) clientLike(t *testing.T, server *testserver.Server, ledger *testserver.Ledger, uid, name, agent string) *client {
	t.Helper()
	c := &client{
		t: t, p: p, name: name, uid: uid, server: server, ledger: ledger,
		device: testserver.Device{User: server.RTMUser(uid), ID: rtm}, link: newLink(t, server),
	}
	ledger.Join(c.device)
	p.listen(name, "MessageFromPeer", c.received)
	create := order{Do: "create", Object: name, Args: []any{appID, c.address(), agent}}
	if _, refused := p.do(create); refused != nil {
		t.Fatal(refused)
	}
	return c
}

// address is how the SDK is told of the server.
func (c *client) address() any {
	where := c.link.listener.Addr().(*net.TCPAddr)
	return map[string]any{"ServerAdd": where.IP.String(), "Port": where.Port, "Wss": false}
}

// interrupt breaks the connection of the client, which neither side has meant.
func (c *client) interrupt() { c.link.cut(false) }

// received puts a message of a peer or a channel into the ledger.
func (c *client) received(e event) {
	var message struct {
		Text string `json:"text"`
	}
	var from string
	if json.Unmarshal(e[0], &message) != nil || json.Unmarshal(e[1], &from) != nil {
		c.t.Errorf("%s received %s", c.name, e)
	}
	content, err := json.Marshal(map[string]string{"payload": message.Text})
	if err != nil {
		c.t.Error(err)
	}
	c.ledger.Used(c.device, []testserver.Event{{Sender: c.user(from), Content: content}})
}

// user gives the Matrix user that others are to this client under a name.
func (c *client) user(uid string) string {
	if strings.HasPrefix(uid, "@") {
		return uid
	}
	return c.server.RTMUser(uid)
}

// call calls a method that must succeed, and puts what it gives into value unless that is
// nil.
func (c *client) call(value any, method string, args ...any) {
	c.t.Helper()
	c.p.call(c.t, c.name, value, method, args...)
}

func (p *program) call(t *testing.T, object string, value any, method string, args ...any) {
	t.Helper()
	answer, refused := p.do(order{Do: "call", Object: object, Method: method, Args: args})
	if refused != nil {
		t.Fatalf("%s.%s(%v): %+v", object, method, args, *refused)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(answer, value); err != nil {
		t.Fatalf("%s.%s(%v) gave %q: %v", object, method, args, answer, err)
	}
}

// refused calls a method that must fail with a code.
func (p *program) refused(t *testing.T, code int, object, method string, args ...any) {
	t.Helper()
	answer, refused := p.do(order{Do: "call", Object: object, Method: method, Args: args})
	if refused == nil || refused.Code != code {
		t.Errorf("%s.%s(%v): got %s, %+v; want the code %d", object, method, args, answer, refused, code)
	}
}

// login logs in with a token, or with none where that is "".
func (c *client) login(token string) {
	c.t.Helper()
	c.call(nil, "login", c.credentials(token))
	c.state("CONNECTING LOGIN")
	c.state("CONNECTED LOGIN_SUCCESS")
}

func (c *client) credentials(token string) any {
	if token == "" {
		return map[string]string{"uid": c.uid}
	}
	return map[string]string{"uid": c.uid, "token": token}
}

// entered makes a client and logs it in without a token.
func (p *program) entered(t *testing.T, server *testserver.Server, ledger *testserver.Ledger, uid string) *client {
	t.Helper()
	c := p.client(t, server, ledger, uid)
	c.login("")
	return c
}

// state awaits the next state of the connection: the state and its reason, if it has one.
func (c *client) state(want string) {
	c.t.Helper()
	var words []string
	for _, text := range c.await("ConnectionStateChanged") {
		var word string
		_ = json.Unmarshal(text, &word) // a reason can be null
		words = append(words, word)
	}
	if got := strings.TrimSpace(strings.Join(words, " ")); got != want {
		c.t.Fatalf("%s is %q, want %q", c.name, got, want)
	}
}

// returned awaits that the client is back after its connection has broken.
func (c *client) returned() {
	c.t.Helper()
	c.state("RECONNECTING")
	c.state("CONNECTED")
}

func (c *client) await(name string) event {
	c.t.Helper()
	return c.p.await(c.name, name)
}

// awaitValues awaits an event with these arguments. An argument that is not given may be
// anything.
func (p *program) awaitValues(t *testing.T, object, name string, want ...any) {
	t.Helper()
	got := p.await(object, name)
	for i, value := range want {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(got) || string(got[i]) != string(text) {
			t.Fatalf("%s had %s %s, want %s", object, name, got, want)
		}
	}
}

// none fails the test if an event has come that nobody asked for.
func (p *program) none(t *testing.T, object string, names ...string) {
	t.Helper()
	for _, name := range names {
		if n := p.pending(object, name); n > 0 {
			t.Errorf("%s had %d times %s", object, n, name)
		}
	}
}

// delivery is what becomes of a message that was sent.
type delivery string

const (
	received   delivery = "true"
	unreceived delivery = "false"
	unsent     delivery = "" // for want of a connection
	// forgotten is a message that was not answered: it may have come.
	forgotten delivery = "forgotten"
)

// send sends a peer message, for later as well, and gives what the SDK says of it. It may
// be called from any goroutine.
func (c *client) send(to testserver.Device, name string) delivery {
	c.t.Helper()
	m := c.ledger.Sending(c.device, to)
	d := c.sendText(m.Stamp(), name, true)
	if d == received || d == unreceived {
		c.ledger.Accepted(m)
	}
	return d
}

// sendText sends any text, and keeps the ledger out of it.
func (c *client) sendText(text, name string, offline bool) delivery {
	c.t.Helper()
	answer, refused := c.p.do(order{Do: "call", Object: c.name, Method: "sendMessageToPeer", Args: []any{
		map[string]string{"text": text}, name, map[string]bool{"enableOfflineMessaging": offline},
	}})
	if refused != nil {
		return forgotten
	}
	var value struct{ HasPeerReceived json.RawMessage }
	if err := json.Unmarshal(answer, &value); err != nil {
		c.t.Errorf("sendMessageToPeer gave %q: %v", answer, err)
	}
	return delivery(value.HasPeerReceived)
}

// sendTo sends a peer message to another client of its server.
func (c *client) sendTo(to *client, want delivery) {
	c.t.Helper()
	name := to.uid
	if c.server != to.server {
		name = to.device.User
	}
	if got := c.send(to.device, name); got != want {
		c.t.Errorf("%s to %s: hasPeerReceived is %q, want %q", c.name, to.name, got, want)
	}
}

// A room is a channel as one client has it.
type room struct {
	*client
	name string // for the program
	id   string
}

// channel makes a channel, which is not joined yet.
func (c *client) channel(id string) *room {
	c.t.Helper()
	r := &room{client: c, name: c.name + "/" + id, id: id}
	c.p.listen(r.name, "ChannelMessage", c.received)
	if _, refused := c.p.do(order{Do: "call", Object: c.name, Method: "createChannel", Args: []any{id}, As: r.name}); refused != nil {
		c.t.Fatal(refused)
	}
	return r
}

// joined makes a channel and joins it.
func (c *client) joined(id string) *room {
	c.t.Helper()
	r := c.channel(id)
	r.do("join")
	return r
}

func (r *room) do(method string) {
	r.t.Helper()
	r.p.call(r.t, r.name, nil, method)
}

// say sends a channel message, which those must get who are named.
func (r *room) say(to ...*client) {
	r.t.Helper()
	var devices []testserver.Device
	for _, c := range to {
		devices = append(devices, c.device)
	}
	// Peer and channel messages have no order among themselves.
	m := r.ledger.Sending(testserver.Device{User: r.device.User, ID: "channel"}, devices...)
	r.p.call(r.t, r.name, nil, "sendMessage", map[string]string{"text": m.Stamp()})
	r.ledger.Accepted(m)
}

// awaits fails the test if the room does not have the event soon.
func (r *room) awaits(name string, args ...any) {
	r.t.Helper()
	r.p.awaitValues(r.t, r.name, name, args...)
}

// members checks who is there.
func (r *room) members(want ...string) {
	r.t.Helper()
	var got []string
	r.p.call(r.t, r.name, &got, "getMembers")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.t.Errorf("%s has the members %q, want %q", r.name, got, want)
	}
}

// settle waits until everything accepted has come to the clients, and checks the ledger.
func settle(t *testing.T, ledger *testserver.Ledger, clients ...*client) {
	t.Helper()
	arrive(t, ledger)
	for _, c := range clients {
		c.roundTrip()
	}
	ledger.Check(t)
}

// arrive waits until everything accepted has come.
func arrive(t *testing.T, ledger *testserver.Ledger) {
	t.Helper()
	if err := ledger.AwaitNothingMissing(within(t)); err != nil {
		t.Errorf("not all has come: %v", err)
	}
}

// roundTrip returns once all has come that the server had sent before.
func (c *client) roundTrip() {
	c.t.Helper()
	c.call(nil, "queryPeersOnlineStatus", []string{c.uid})
}

func decode(t *testing.T, text []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(text, value); err != nil {
		t.Fatalf("read %q: %v", text, err)
	}
}
