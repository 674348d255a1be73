package testserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// An rtmConnection is one WebSocket of a client of the RTM SDK. It is for one goroutine.
type rtmConnection struct {
	net   net.Conn
	appID string
	// sessionID is the name that the gateway has given the login.
	sessionID string
}

// An rtmFrame is a command with its content, which is JSON inside a string.
type rtmFrame struct {
	Cmd     string
	AppID   string `json:"AppId"`
	Encrypt bool
	Content string
}

// connect goes the way of the SDK: it asks the gateway, opens the WebSocket that the
// gateway names, and logs in there under the name of a session.
func (r *RTM) connect(ctx context.Context, uid, session string) (*rtmConnection, error) {
	var gateway struct {
		Code      int    `json:"code"`
		SessionID string `json:"sessionid"`
		Addresses []struct {
			Addr string `json:"addr"`
			Port int    `json:"port"`
		} `json:"addresses"`
	}
	asked := map[string]any{"appid": r.app.ID, "uid": uid, "token": "", "wss": false}
	if err := r.client.call(ctx, http.MethodPost, "/arapi/v1?action=wrtm_gateway", asked, &gateway); err != nil {
		return nil, err
	}
	if gateway.Code != 0 || len(gateway.Addresses) != 1 {
		return nil, &Error{Status: http.StatusForbidden, Body: fmt.Appendf(nil, "the gateway's code is %d", gateway.Code)}
	}
	address := net.JoinHostPort(gateway.Addresses[0].Addr, strconv.Itoa(gateway.Addresses[0].Port))
	conn, early, _, err := ws.Dial(ctx, "ws://"+address+"/")
	if err != nil {
		return nil, fmt.Errorf("open the WebSocket: %w", err)
	}
	c := &rtmConnection{net: conn, appID: r.app.ID, sessionID: gateway.SessionID}
	if early != nil {
		err = errors.New("the server speaks before the login")
	} else {
		err = c.login(ctx, uid, session)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("log in %s: %w", uid, err)
	}
	return c, nil
}

func (c *rtmConnection) login(ctx context.Context, uid, session string) error {
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.net.SetDeadline(deadline)
		defer func() { _ = c.net.SetDeadline(time.Time{}) }()
	}
	err := c.send("Login", map[string]any{
		"UserId": uid, "UserSId": session, "AcsToken": "", "SdkVer": "1.0.15",
		"SessionId": c.sessionID, "SvrKeepAlive": true,
	})
	if err != nil {
		return err
	}
	frame, err := c.read()
	if err != nil {
		return err
	}
	answer := struct{ Code int }{Code: -1}
	if err := json.Unmarshal([]byte(frame.Content), &answer); err != nil || frame.Cmd != "Login" || answer.Code != 0 {
		return &Error{Status: http.StatusForbidden, Body: fmt.Appendf(nil, "the answer is %s %s", frame.Cmd, frame.Content)}
	}
	return nil
}

// read gives the next frame; what is none, as the content of a frame without a command. An
// error says that the connection has ended.
func (c *rtmConnection) read() (frame rtmFrame, err error) {
	text, err := wsutil.ReadServerText(c.net)
	if err != nil {
		return frame, err
	}
	if err := json.Unmarshal(text, &frame); err != nil {
		return rtmFrame{Content: string(text)}, nil
	}
	return frame, nil
}

func (c *rtmConnection) send(cmd string, content any) error {
	inner, err := json.Marshal(content)
	if err != nil {
		return err
	}
	outer, err := json.Marshal(rtmFrame{Cmd: cmd, AppID: c.appID, Content: string(inner)})
	if err != nil {
		return err
	}
	return wsutil.WriteClientText(c.net, outer)
}
