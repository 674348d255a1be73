//go:build synapse

package interop

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// call sends a value as JSON, nil as no body, and reads the answer into another. An
// answer other than 200 is a *testserver.Error.
func call(ctx context.Context, c *testserver.Client, method, path string, body, into any) error {
	q := testserver.Request{Method: method, Path: path}
	var err error
	if body != nil {
		if q.Body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	answer, err := c.Do(ctx, q)
	if err == nil {
		err = answer.Err()
	}
	if err == nil && into != nil {
		err = json.Unmarshal(answer.Body, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s of %s: %w", method, path, c.Device, err)
	}
	return nil
}

// A receiver is [testserver.Receiver] for servers of both kinds: where nothing came,
// Synapse leaves to_device out of its answer.
type receiver struct {
	*testserver.Receiver
	client *testserver.Client
	ledger *testserver.Ledger
}

func newReceiver(c *testserver.Client, l *testserver.Ledger) receiver {
	return receiver{Receiver: testserver.NewReceiver(c, l), client: c, ledger: l}
}

// Sync asks until there is an answer, uses it, and gives the number of events.
//
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3sync
func (r receiver) Sync(ctx context.Context, timeout time.Duration) (int, error) {
	query := url.Values{"timeout": {strconv.FormatInt(timeout.Milliseconds(), 10)}}
	if r.Since() != "" {
		query.Set("since", r.Since())
	}
	var answer struct {
		NextBatch string `json:"next_batch"`
		ToDevice  struct {
			Events []testserver.Event `json:"events"`
		} `json:"to_device"`
	}
	err := testserver.Retry(ctx, timeout+soon, func(ctx context.Context) error {
		return call(ctx, r.client, http.MethodGet, "/_matrix/client/v3/sync?"+query.Encode(), nil, &answer)
	})
	if err != nil {
		return 0, err
	}
	r.Use(&testserver.SyncResponse{NextBatch: answer.NextBatch, Events: answer.ToDevice.Events})
	return len(answer.ToDevice.Events), nil
}

// Drain is that of [testserver.Receiver].
func (r receiver) Drain(ctx context.Context) error {
	for {
		missing := r.ledger.Missing(r.client.Device)
		var timeout time.Duration
		if missing > 0 {
			timeout = time.Second
		}
		events, err := r.Sync(ctx, timeout)
		if err != nil {
			return fmt.Errorf("%d messages missing: %w", missing, err)
		}
		if missing == 0 && events == 0 {
			return nil
		}
	}
}

// send sends so many messages, one after the other, each until it is answered.
func send(t *testing.T, from *testserver.Client, ledger *testserver.Ledger, messages int, to ...testserver.Device) {
	t.Helper()
	sender := testserver.Sender{Client: from, Ledger: ledger, To: to}
	if err := sender.Send(within(t, late), messages); err != nil {
		t.Fatal(err)
	}
}

// settle lets the receivers get what they miss, then one message more each, behind
// which no late repetition can hide, and asks the ledger.
func settle(t *testing.T, from *testserver.Client, ledger *testserver.Ledger, receivers ...receiver) {
	t.Helper()
	drain(t, receivers...)
	for _, r := range receivers {
		send(t, from, ledger, 1, r.client.Device)
	}
	drain(t, receivers...)
	ledger.Check(t)
}

func drain(t *testing.T, receivers ...receiver) {
	t.Helper()
	ctx := within(t, late)
	for _, r := range receivers {
		if err := r.Drain(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// version is what it says to be.
//
// https://element-hq.github.io/synapse/latest/admin_api/version_api.html
func (s *synapse) version() string {
	s.t.Helper()
	var answer struct {
		Version string `json:"server_version"`
	}
	if err := call(within(s.t, soon), s.anyone, http.MethodGet, "/_synapse/admin/v1/server_version", nil, &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.Version
}

// admin makes an administrator, who may ask Synapse about its federation.
//
// https://element-hq.github.io/synapse/latest/admin_api/register_api.html
func (s *synapse) admin() *testserver.Client {
	s.t.Helper()
	const path, name, password = "/_synapse/admin/v1/register", "root", "password of root"
	var nonce struct{ Nonce string }
	if err := call(within(s.t, soon), s.anyone, http.MethodGet, path, nil, &nonce); err != nil {
		s.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, []byte(adminSecret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00admin", nonce.Nonce, name, password)
	err := call(within(s.t, soon), s.anyone, http.MethodPost, path, map[string]any{
		"nonce": nonce.Nonce, "username": name, "password": password, "admin": true,
		"mac": hex.EncodeToString(mac.Sum(nil)),
	}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.users[name] = true
	return s.Device(name, "ADMIN")
}
