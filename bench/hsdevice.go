package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/chappe-im/chappe/internal/canonicaljson"
)

// hsFilter leaves out of a /sync what is not measured here.
//
// https://spec.matrix.org/v1.15/client-server-api/#filtering
const hsFilter = `{"room":{"rooms":[]},"presence":{"types":[]},"account_data":{"types":[]}}`

// An hsOutlet sends from one account to the device of another.
type hsOutlet struct {
	h           *homeserver
	account, to *hsAccount
	codec       codec
	tag         string // of the load
}

func (o *hsOutlet) put(ctx context.Context, m message) error {
	content := o.codec.append(nil, m)
	body, err := json.Marshal(map[string]any{"messages": map[string]any{o.to.userID: map[string]any{o.to.device: json.RawMessage(content)}}})
	if err != nil {
		return err
	}
	path := "/_matrix/client/v3/sendToDevice/" + eventType(o.tag) + "/" + o.tag + "-" + strconv.FormatInt(m.seq, 10)
	_, err = o.h.ask(ctx, call{method: http.MethodPut, path: path, token: o.account.token, body: body})
	return err
}

// eventType is what the messages of one load are known by: a device that is used again
// may be given others.
func eventType(tag string) string { return "im.chappe.bench." + tag }

// An hsInlet syncs for the device of an account, and gives the messages of one load.
type hsInlet struct {
	h       *homeserver
	account *hsAccount
	codec   codec
	tag     string
	senders []string // the user ID of each sender
}

func (i *hsInlet) poll(ctx context.Context, timeout time.Duration) ([]byte, error) {
	query := url.Values{"filter": {hsFilter}, "set_presence": {"offline"}, "timeout": {strconv.FormatInt(timeout.Milliseconds(), 10)}}
	if i.account.since != "" {
		query.Set("since", i.account.since)
	}
	return i.h.ask(ctx, call{
		method: http.MethodGet, path: syncPath, query: query.Encode(), token: i.account.token, patience: timeout,
	})
}

// An hsSync is what counts of a /sync response.
type hsSync struct {
	NextBatch string `json:"next_batch"`
	ToDevice  struct {
		Events []struct {
			Type    string          `json:"type"`
			Sender  string          `json:"sender"`
			Content json.RawMessage `json:"content"`
		} `json:"events"`
	} `json:"to_device"`
}

func (i *hsInlet) read(answer []byte, note func(message)) error {
	var response hsSync
	if err := json.Unmarshal(answer, &response); err != nil {
		return fmt.Errorf("read a /sync response: %w", err)
	}
	if response.NextBatch == "" {
		return errors.New("a /sync response has no next_batch")
	}
	i.account.since = response.NextBatch
	for _, event := range response.ToDevice.Events {
		if event.Type != eventType(i.tag) {
			continue
		}
		m, ok := i.codec.parseJSON(event.Content)
		if !ok || m.from < len(i.senders) && event.Sender != i.senders[m.from] {
			return errDamaged
		}
		note(m)
	}
	return nil
}

// parseJSON reads a content that another server may have written anew: with its members
// in another order, other white space and other escapes. Whatever means something else
// than what was sent is not ok.
func (c codec) parseJSON(content []byte) (m message, ok bool) {
	if len(content) == 0 || !utf8.Valid(content) {
		return message{}, false
	}
	canonical, err := canonicaljson.Strict(content)
	if err != nil || len(canonical) != c.size {
		return message{}, false
	}
	return c.parse(canonical)
}
