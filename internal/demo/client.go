package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// A user is logged in at one of the servers.
type user struct {
	node  *node
	id    string
	token string
	since string
}

// An event is what a device receives.
type event struct {
	Type    string
	Sender  string
	Content json.RawMessage
}

func register(ctx context.Context, at *node, name string) (*user, error) {
	u := &user{node: at}
	var answer struct {
		UserID      string `json:"user_id"`
		AccessToken string `json:"access_token"`
	}
	err := at.call(ctx, http.MethodPost, "/_matrix/client/v3/register", map[string]any{
		"username": name, "password": "demo", "auth": map[string]string{"type": "m.login.dummy"},
	}, nil, &answer)
	if err != nil {
		return nil, err
	}
	u.id, u.token = answer.UserID, answer.AccessToken
	_, err = u.sync(ctx, 0)
	return u, err
}

func (u *user) bearer(r *http.Request) { r.Header.Set("Authorization", "Bearer "+u.token) }

func (u *user) sendToDevice(ctx context.Context, to string) error {
	return u.node.call(ctx, http.MethodPut, "/_matrix/client/v3/sendToDevice/im.chappe.demo/1", map[string]any{
		"messages": map[string]any{to: map[string]any{"*": map[string]string{"text": "hello"}}},
	}, u.bearer, nil)
}

// sync gives what is new to the user's device, and confirms what the sync before
// it gave.
func (u *user) sync(ctx context.Context, wait time.Duration) ([]event, error) {
	query := url.Values{"timeout": {fmt.Sprint(wait.Milliseconds())}}
	if u.since != "" {
		query.Set("since", u.since)
	}
	var answer struct {
		NextBatch string `json:"next_batch"`
		ToDevice  struct {
			Events []event
		} `json:"to_device"`
	}
	err := u.node.call(ctx, http.MethodGet, "/_matrix/client/v3/sync?"+query.Encode(), nil, u.bearer, &answer)
	if err == nil {
		u.since = answer.NextBatch
	}
	return answer.ToDevice.Events, err
}

func (n *node) sendByRTM(ctx context.Context, from, to string) error {
	path := "/dev/v2/project/" + app.ID + "/rtm/users/" + url.PathEscape(from) + "/peer_messages"
	return n.call(ctx, http.MethodPost, path, map[string]any{
		"destination": to, "payload": "hello by RTM", "enable_offline_messaging": true,
	}, func(r *http.Request) { r.SetBasicAuth(app.Keys[0].Key, app.Keys[0].Secret) }, nil)
}

// call makes a request with a JSON body and reads the answer, if there are any.
func (n *node) call(ctx context.Context, method, path string, body any, authorize func(*http.Request), answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.server.ClientAddr()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if authorize != nil {
		authorize(r)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var fault struct{ Errcode, Message string }
	if response.StatusCode != http.StatusOK {
		_ = json.NewDecoder(response.Body).Decode(&fault)
		return fmt.Errorf("%s %s: %s %s%s", method, path, response.Status, fault.Errcode, fault.Message)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
