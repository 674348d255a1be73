package testserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/chappe-im/chappe/config"
)

// demoApp is the RTM app every server has.
func demoApp() config.RTMApp {
	namespace := "rtm_demo_"
	return config.RTMApp{
		ID:        "0123456789abcdef0123456789abcdef",
		Namespace: &namespace,
		Keys:      []config.RTMKey{{Key: "test-key", Secret: "test-secret"}},
	}
}

// An RTM client sends through the RTM REST API, as any user of the server's app.
type RTM struct {
	client *Client
	app    config.RTMApp
}

// RTM gives the client for the server's first RTM app.
func (s *Server) RTM() *RTM {
	return &RTM{client: s.Client(), app: s.config.RTM.Apps[0]}
}

// RTMUser gives the Matrix user that a lower-case user of the app is.
func (s *Server) RTMUser(uid string) string {
	return s.UserID(s.config.RTM.Apps[0].UserPrefix() + uid)
}

// A PeerMessage is the body of a peer message.
type PeerMessage struct {
	Destination string `json:"destination"`
	Payload     string `json:"payload"`
	// Offline asks to keep it for a receiver that is not there.
	Offline bool `json:"enable_offline_messaging"`
	// Key makes a repetition harmless; "" for none.
	Key string `json:"-"`
}

// SendPeer sends a peer message as the user uid, and gives the code of the answer.
// With wait the answer waits for the receiver's confirmation.
func (r *RTM) SendPeer(ctx context.Context, uid string, m PeerMessage, wait bool) (code string, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequest(http.MethodPost, "/", nil)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(r.app.Keys[0].Key, r.app.Keys[0].Secret)
	request.Header.Set("Content-Type", "application/json;charset=utf-8")
	if m.Key != "" {
		request.Header.Set("Idempotency-Key", m.Key)
	}
	path := fmt.Sprintf("/dev/v2/project/%s/rtm/users/%s/peer_messages?wait_for_ack=%t", r.app.ID, url.PathEscape(uid), wait)
	answer, err := r.client.Do(ctx, Request{Method: http.MethodPost, Path: path, Body: body, Header: request.Header})
	if err == nil {
		err = answer.Err()
	}
	var read struct {
		Result string `json:"result"`
		Code   string `json:"code"`
	}
	if err == nil {
		err = json.Unmarshal(answer.Body, &read)
	}
	if err == nil && read.Result != "success" {
		err = fmt.Errorf("the result is %q", read.Result)
	}
	if err != nil {
		return "", fmt.Errorf("send a peer message: %w", err)
	}
	return read.Code, nil
}

// SendChannel sends a message to a channel as the user uid, under a key.
func (r *RTM) SendChannel(ctx context.Context, uid, channel, payload, key string) error {
	body, err := json.Marshal(map[string]string{"channel_name": channel, "payload": payload})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "/", nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(r.app.Keys[0].Key, r.app.Keys[0].Secret)
	request.Header.Set("Content-Type", "application/json;charset=utf-8")
	request.Header.Set("Idempotency-Key", key)
	path := fmt.Sprintf("/dev/v2/project/%s/rtm/users/%s/channel_messages", r.app.ID, url.PathEscape(uid))
	answer, err := r.client.Do(ctx, Request{Method: http.MethodPost, Path: path, Body: body, Header: request.Header})
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		return fmt.Errorf("send a channel message: %w", err)
	}
	return nil
}

// AppID is the ID of the app.
func (r *RTM) AppID() string { return r.app.ID }
