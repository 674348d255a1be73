package e2e_test

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/chappe-im/chappe/internal/testserver"
)

// An sdkClient is a session of an RTM user, as the vendor's client SDK has it.
type sdkClient struct {
	t    *testing.T
	uid  string
	app  string
	conn net.Conn
}

// sdkLogin begins a session of a user of the server's app.
func sdkLogin(ctx context.Context, t *testing.T, s *testserver.Server, uid string) *sdkClient {
	t.Helper()
	app := s.RTM().AppID()
	body, err := json.Marshal(map[string]any{"appid": app, "uid": uid, "token": "", "wss": false})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Client().Do(ctx, testserver.Request{Method: "POST", Path: "/arapi/v1?action=wrtm_gateway", Body: body})
	var gateway struct {
		Code      int
		SessionID string
	}
	if err == nil {
		err = json.Unmarshal(answer.Body, &gateway)
	}
	if err != nil || gateway.Code != 0 {
		t.Fatalf("the gateway answers %v, %v", gateway, err)
	}
	conn, _, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(s.URL(), "http")+"/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &sdkClient{t: t, uid: uid, app: app, conn: conn}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	c.send("Login", map[string]any{"UserId": uid, "UserSId": uid + "1", "AcsToken": "", "SdkVer": "1.0.15", "SessionId": gateway.SessionID})
	if got := c.await("Login"); got["Code"] != 0.0 {
		t.Fatalf("login: %v", got)
	}
	body, err = json.Marshal(map[string]any{"uid": uid, "sessId": gateway.SessionID, "appId": app})
	if err == nil {
		_, err = s.Client().Do(ctx, testserver.Request{Method: "POST", Path: "/arapi/v1/artmgw/getOfflineMsg", Body: body})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *sdkClient) send(cmd string, content any) {
	c.t.Helper()
	inner, err := json.Marshal(content)
	if err == nil {
		var outer []byte
		outer, err = json.Marshal(map[string]any{"Cmd": cmd, "AppId": c.app, "Encrypt": false, "Content": string(inner)})
		if err == nil {
			err = wsutil.WriteClientText(c.conn, outer)
		}
	}
	if err != nil {
		c.t.Fatalf("%s: send %s: %v", c.uid, cmd, err)
	}
}

// await reads until a frame of this command comes, and gives its content.
func (c *sdkClient) await(cmd string) map[string]any {
	c.t.Helper()
	for {
		data, err := wsutil.ReadServerText(c.conn)
		var outer struct{ Cmd, Content string }
		var content map[string]any
		if err == nil {
			err = json.Unmarshal(data, &outer)
		}
		if err == nil {
			err = json.Unmarshal([]byte(outer.Content), &content)
		}
		if err != nil {
			c.t.Fatalf("%s: no %s: %v", c.uid, cmd, err)
		}
		if outer.Cmd == cmd {
			return content
		}
	}
}

// asks sends a frame, and awaits its answer, which must have the code 0.
func (c *sdkClient) asks(cmd string, content map[string]any) map[string]any {
	c.t.Helper()
	c.send(cmd, content)
	answer := c.await(cmd)
	if answer["Code"] != 0.0 {
		c.t.Errorf("%s: %s answers %v", c.uid, cmd, answer)
	}
	return answer
}

func (c *sdkClient) hears(channel, from, body string) {
	c.t.Helper()
	got := c.await("RecvMsgFromChan")
	if got["ChanId"] != channel || got["FromUId"] != from || got["MsgBody"] != body || got["MsgType"] != 1.0 {
		c.t.Errorf("%s heard %v, want %s in %s of %s", c.uid, got, body, channel, from)
	}
}

// A user of the app on one server is in a channel of the other, with users there and a
// Matrix user.
func TestSessionIsInAChannelOfAnotherServer(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	ctx := within(t, soon)
	ann, bob := sdkLogin(ctx, t, servers[0], "ann"), sdkLogin(ctx, t, servers[1], "bob")
	const far = "#room:alpha.test"
	ann.asks("JoinChannel", map[string]any{"ChanId": "room"})
	bob.asks("JoinChannel", map[string]any{"ChanId": far})
	farBob := servers[1].RTMUser("bob")
	if got := ann.await("ChanMemberJoin"); got["UserId"] != farBob || got["ChanMemSize"] != 2.0 {
		t.Errorf("ann was told %v", got)
	}
	if got := bob.await("MemSizeChanged"); got["ChanId"] != far || got["MemSize"] != 2.0 {
		t.Errorf("bob was told %v", got)
	}
	members := ann.asks("GetChanMembers", map[string]any{"MsgId": 1, "ChanId": "room"})["Members"].([]any)
	if len(members) != 2 {
		t.Errorf("members are %v", members)
	}
	bob.asks("SendChannelMsg", map[string]any{"MsgId": 2, "ChanId": far, "FromUId": "bob", "MsgType": 1, "MsgBody": "from beta", "HistoryMsg": false})
	ann.hears("room", farBob, "from beta")
	ann.asks("SendChannelMsg", map[string]any{"MsgId": 3, "ChanId": "room", "FromUId": "ann", "MsgType": 1, "MsgBody": "from alpha", "HistoryMsg": false})
	bob.hears(far, servers[0].RTMUser("ann"), "from alpha")
	ann.asks("SendChannelMsg", map[string]any{"MsgId": 4, "ChanId": "room", "FromUId": "ann", "MsgType": 1, "MsgBody": "for the history", "HistoryMsg": true})
	bob.hears(far, servers[0].RTMUser("ann"), "for the history")
	if err := servers[0].RTM().SendChannel(ctx, "backend", "room", "by REST", "k"); err != nil {
		t.Fatal(err)
	}
	ann.hears("room", "backend", "by REST")
	bob.hears(far, servers[0].RTMUser("backend"), "by REST")
	bob.asks("LeaveChannel", map[string]any{"ChanId": far})
	if got := ann.await("ChanMemberLeave"); got["UserId"] != farBob || got["ChanMemSize"] != 1.0 {
		t.Errorf("ann was told %v", got)
	}
	bob.send("SendChannelMsg", map[string]any{"MsgId": 5, "ChanId": far, "FromUId": "bob", "MsgType": 1, "MsgBody": "too late", "HistoryMsg": false})
	if got := bob.await("SendChannelMsg"); got["Code"] != 5.0 {
		t.Errorf("bob, who has left, sends: %v", got)
	}
	bob.asks("JoinChannel", map[string]any{"ChanId": far})
	ann.await("ChanMemberJoin")
	bob.send("Logout", "")
	if got := ann.await("ChanMemberLeave"); got["UserId"] != farBob {
		t.Errorf("ann was told %v", got)
	}
}
