package sessions

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/channels"
	"github.com/chappe-im/chappe/rtmcompat/channels/attributes"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	serverName  = "chappe.test"
	appID       = "0123456789abcdef0123456789abcdef"
	openAppID   = "fedcba9876543210fedcba9876543210"
	certificate = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

func testApp() rtmcompat.App {
	return rtmcompat.App{ID: appID, Certificate: certificate, Namespace: "rtm_demo_", Keys: []rtmcompat.Key{{Key: "key", Secret: "secret"}}}
}

type noServers struct{}

func (noServers) Wake([]spec.ServerName) {}

func (noServers) Admit(context.Context, []spec.ServerName) {}

// A rig is the door on a real relay, a real database, and a real port.
type rig struct {
	t        testing.TB
	path     string
	store    *sqlite.Store
	notifier *relay.Notifier
	rtm      *rtmcompat.Server
	sessions *Server
	http     *httptest.Server
	// limited and ackTimeout are as in the configs of the doors.
	limited    bool
	ackTimeout time.Duration
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "chappe.db"), limited: true, ackTimeout: 300 * time.Millisecond}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	store, err := sqlite.Open(r.path, sqlite.Options{ServerName: serverName})
	if err != nil {
		r.t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	r.store, r.notifier = store, relay.NewNotifier()
	messages := relay.New(store, serverName, todevice.ServerRules{}, r.notifier, noServers{}, prometheus.NewRegistry())
	var kept *attributes.Keeper
	hub := channels.New(
		channels.TellGuests(func(h channels.Happening) { r.rtm.TellGuests(h) }),
		channels.OnEnd(func(app, channel string) { kept.Ended(app, channel) }))
	kept = attributes.New(store, hub, logrus.NewEntry(log))
	apps := []rtmcompat.App{testApp(), {ID: openAppID, Namespace: "rtm_open_"}}
	r.rtm = rtmcompat.New(rtmcompat.Config{ServerName: serverName, Apps: apps, AckTimeout: r.ackTimeout}, store, messages, r.notifier, hub, logrus.NewEntry(log))
	r.sessions = New(Config{Limited: r.limited}, r.rtm, store, r.notifier, hub, kept, logrus.NewEntry(log), prometheus.NewRegistry())
	r.sessions.restore(r.t.Context())
	router := httpapi.NewRouter()
	r.rtm.Routes(router)
	r.sessions.Routes(router)
	r.http = httptest.NewServer(router)
}

// stop ends the server as when the program ends.
func (r *rig) stop() {
	if r.store == nil {
		return
	}
	r.sessions.Close()
	r.http.Close()
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
	r.store = nil
}

// post posts JSON as the SDK does, and gives the answer.
func (r *rig) post(path string, body any) (answer map[string]any) {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.Post(r.http.URL+path, "text/plain;charset=UTF-8", strings.NewReader(string(text)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s", path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// rest sends a peer message by REST, and gives the code of the answer.
func (r *rig) rest(from, query string, body map[string]any) string {
	r.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, r.http.URL+"/dev/v2/project/"+appID+"/rtm/users/"+from+"/peer_messages"+query, strings.NewReader(string(text)))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth("key", "secret")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Code, Message string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.t.Fatal(err)
	}
	return answer.Code
}

func (r *rig) token(uid string, life time.Duration) string {
	r.t.Helper()
	token, err := testApp().UserToken(rtmtoken.V006, uid, time.Now(), life)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// A client is what the SDK is, as far as the wire goes.
type client struct {
	r         *rig
	uid, sid  string
	sessionID string
	conn      net.Conn
	mu        sync.Mutex
	frames    []frame
	ended     bool
	changed   chan struct{}
	// deaf is true for one that acknowledges nothing.
	deaf bool
}

type frame struct {
	cmd     string
	content map[string]any
	raw     string
}

// login logs in under a new name, or one that was had before.
func (r *rig) login(uid, sid string) *client {
	r.t.Helper()
	return r.loginWith(uid, sid, r.token(uid, time.Hour), false)
}

func (r *rig) loginWith(uid, sid, token string, deaf bool) *client {
	r.t.Helper()
	c := &client{r: r, uid: uid, sid: sid, changed: make(chan struct{}, 1), deaf: deaf}
	answer := r.post("/arapi/v1?action=wrtm_gateway", map[string]any{"appid": appID, "uid": uid, "token": token, "wss": false})
	if answer["code"] != 0.0 {
		r.t.Fatalf("the gateway refuses %s: %v", uid, answer)
	}
	c.sessionID = answer["sessionid"].(string)
	c.dial()
	c.send("Login", map[string]any{"UserId": uid, "UserSId": sid, "AcsToken": token, "SdkVer": "1.0.15", "SessionId": c.sessionID})
	if got := c.await("Login"); got.content["Code"] != 0.0 || got.content["UserId"] != uid {
		r.t.Fatalf("login: %s", got.raw)
	}
	return c
}

func (c *client) dial() {
	c.r.t.Helper()
	conn, _, _, err := ws.Dial(c.r.t.Context(), "ws"+strings.TrimPrefix(c.r.http.URL, "http")+"/")
	if err != nil {
		c.r.t.Fatal(err)
	}
	c.conn = conn
	c.r.t.Cleanup(func() { _ = conn.Close() })
	go c.read()
}

func (c *client) read() {
	for {
		data, err := wsutil.ReadServerText(c.conn)
		if err != nil {
			c.mu.Lock()
			c.ended = true
			c.mu.Unlock()
			c.signal()
			return
		}
		var outer struct{ Cmd, Content string }
		var content map[string]any
		if json.Unmarshal(data, &outer) != nil || json.Unmarshal([]byte(outer.Content), &content) != nil {
			c.r.t.Errorf("the SDK would fail at the frame %s", data)
			return
		}
		if outer.Cmd == "RecvMsgFromPeer" && !c.deaf {
			c.send("RecvMsgFromPeerAck", map[string]any{"MsgId": content["MsgId"], "FromUId": content["FromUId"]})
		}
		c.mu.Lock()
		c.frames = append(c.frames, frame{outer.Cmd, content, string(data)})
		c.mu.Unlock()
		c.signal()
	}
}

func (c *client) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *client) send(cmd string, content any) {
	inner, err := json.Marshal(content)
	if err != nil {
		c.r.t.Error(err)
	}
	outer, err := json.Marshal(map[string]any{"Cmd": cmd, "AppId": appID, "Encrypt": false, "Content": string(inner)})
	if err != nil {
		c.r.t.Error(err)
	}
	_ = wsutil.WriteClientText(c.conn, outer)
}

// await takes the next frame of a command out of those that came.
func (c *client) await(cmd string) frame {
	c.r.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		c.mu.Lock()
		for i, f := range c.frames {
			if f.cmd == cmd {
				c.frames = append(c.frames[:i:i], c.frames[i+1:]...)
				c.mu.Unlock()
				return f
			}
		}
		ended := c.ended
		c.mu.Unlock()
		if ended {
			c.r.t.Fatalf("%s: the connection ended before %s came", c.uid, cmd)
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.r.t.Fatalf("%s: no %s came", c.uid, cmd)
		}
	}
}

// awaitEnd waits until the server has closed the connection.
func (c *client) awaitEnd() {
	c.r.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		c.mu.Lock()
		ended := c.ended
		c.mu.Unlock()
		if ended {
			return
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.r.t.Fatalf("%s: the connection stands", c.uid)
		}
	}
}

// wantNoMore checks that no frame of a command has come. A KeepAlive and its answer are
// behind all that was sent before.
func (c *client) wantNoMore(cmd string) {
	c.r.t.Helper()
	c.send("KeepAlive", map[string]any{"time": "1"})
	c.await("KeepAlive")
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frames {
		if f.cmd == cmd {
			c.r.t.Errorf("%s was sent %s", c.uid, f.raw)
		}
	}
}

// fetch fetches what waited, as the SDK does after a login.
func (c *client) fetch() (bodies []string) {
	c.r.t.Helper()
	answer := c.r.post("/arapi/v1/artmgw/getOfflineMsg", map[string]any{"uid": c.uid, "sessId": c.sessionID, "appId": appID})
	for _, message := range answer["data"].([]any) {
		bodies = append(bodies, message.(map[string]any)["msgBody"].(string))
	}
	ss := c.session()
	for n := 0; ss.holds() && n < 1000; n++ { // the answer is there just before that ends
		time.Sleep(time.Millisecond)
	}
	return bodies
}

func (ss *session) holds() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.fetch.holding()
}

// cut breaks the connection without a word.
func (c *client) cut() {
	c.r.t.Helper()
	ss := c.session()
	_ = c.conn.Close()
	for range 1000 {
		ss.mu.Lock()
		broken := ss.conn == nil
		ss.mu.Unlock()
		if broken {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.r.t.Fatal("the server does not notice that the connection is gone")
}

func (c *client) session() *session {
	c.r.t.Helper()
	user, err := c.r.rtm.User(testApp(), c.uid)
	if err != nil {
		c.r.t.Fatal(err)
	}
	ss := c.r.sessions.session(user)
	if ss == nil {
		c.r.t.Fatalf("%s has no session", c.uid)
	}
	return ss
}

// say sends a message to a user by the connection, and gives the status that comes back.
func (c *client) say(to, body string, offline bool) float64 {
	c.r.t.Helper()
	id := time.Now().UnixNano() % 1e13
	c.send("SendMsgToPeer", map[string]any{"MsgId": id, "FromUId": c.uid, "ToUId": to, "MsgType": 1, "MsgBody": body, "OfflineMsg": offline, "HistoryMsg": false})
	status := c.await("MsgStatus")
	if status.content["MsgId"] != float64(id) {
		c.r.t.Errorf("the status is of another message: %s", status.raw)
	}
	return status.content["Status"].(float64)
}

func (r *rig) endedFor(reason string) float64 {
	return testutil.ToFloat64(r.sessions.metrics.ended.WithLabelValues(reason))
}
