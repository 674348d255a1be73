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

// An hsSender sends numbered messages to one device, one at a time.
type hsSender struct {
	h       *homeserver
	number  int
	account *hsAccount
	to      *hsAccount
	codec   codec
	pace    pace
	totals  *totals
	tag     string // of the load
	// accepted counts the messages the server has taken. It is read after run.
	accepted int64
}

// run sends until stop closes, and finishes the message under way.
func (s *hsSender) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		from, ok := s.pace.wait(stop)
		if !ok {
			return nil
		}
		if err := s.send(ctx, from); err != nil {
			return err
		}
	}
}

// send sends the next message, as of a time, until the server takes it.
func (s *hsSender) send(ctx context.Context, from time.Time) error {
	content := s.codec.append(nil, message{at: from.Sub(s.totals.begin), from: s.number, seq: s.accepted})
	body, err := json.Marshal(map[string]any{"messages": map[string]any{s.to.userID: map[string]any{s.to.device: json.RawMessage(content)}}})
	if err != nil {
		return err
	}
	path := "/_matrix/client/v3/sendToDevice/" + eventType(s.tag) + "/" + s.tag + "-" + strconv.FormatInt(s.accepted, 10)
	if _, err := s.h.ask(ctx, call{method: http.MethodPut, path: path, token: s.account.token, body: body}); err != nil {
		return err
	}
	s.accepted++
	s.totals.accepted.Add(1)
	return nil
}

// eventType is what the messages of one load are known by: a device that is used again
// may be given others.
func eventType(tag string) string { return "im.chappe.bench." + tag }

// An hsReceiver long-polls for one device and checks every message of its load.
type hsReceiver struct {
	h       *homeserver
	account *hsAccount
	codec   codec
	ledger  *ledger
	totals  *totals
	tag     string
	senders map[int]string // their user IDs
	// latencies are those of the messages that came while it was measured. They are
	// read after run.
	latencies []time.Duration
}

// run syncs until ctx ends.
func (r *hsReceiver) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := r.sync(ctx, pollTimeout); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
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

// sync makes one request and enters the messages it brings.
func (r *hsReceiver) sync(ctx context.Context, timeout time.Duration) (messages int, err error) {
	query := url.Values{"filter": {hsFilter}, "set_presence": {"offline"}, "timeout": {strconv.FormatInt(timeout.Milliseconds(), 10)}}
	if r.account.since != "" {
		query.Set("since", r.account.since)
	}
	answer, err := r.h.ask(ctx, call{
		method: http.MethodGet, path: syncPath, query: query.Encode(), token: r.account.token, patience: timeout,
	})
	if err != nil {
		return 0, err
	}
	now := time.Since(r.totals.begin)
	var response hsSync
	if err := json.Unmarshal(answer, &response); err != nil {
		return 0, fmt.Errorf("read a /sync response: %w", err)
	}
	if response.NextBatch == "" {
		return 0, errors.New("a /sync response has no next_batch")
	}
	r.account.since = response.NextBatch
	for _, event := range response.ToDevice.Events {
		if event.Type != eventType(r.tag) {
			continue
		}
		m, ok := r.codec.parseJSON(event.Content)
		if sender, known := r.senders[m.from]; !ok || known && event.Sender != sender {
			return messages, errDamaged
		}
		messages++
		r.note(m, now)
	}
	return messages, nil
}

func (r *hsReceiver) note(m message, now time.Duration) {
	if !r.ledger.note(m) {
		return
	}
	r.totals.delivered.Add(1)
	if r.totals.measuring.Load() {
		r.latencies = append(r.latencies, now-m.at)
	}
}

// finish syncs until nothing of the load comes.
func (r *hsReceiver) finish(ctx context.Context) error {
	for {
		messages, err := r.sync(ctx, 0)
		if err != nil || messages == 0 {
			return err
		}
	}
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
