package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/chappe-im/chappe/internal/publicnet"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// timeout is how long one attempt may take.
	timeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used
	// again. Nothing in it matters.
	maxAnswer = 64 << 10
)

// An event is the body of a request.
type event struct {
	ID     string                `json:"id"`
	Number int64                 `json:"number"`
	AppID  string                `json:"app_id"`
	Type   todevice.RTMEventType `json:"type"`
	UserID string                `json:"user_id"`
	// ChannelID is there in join and leave, MessageID in message_delivered and
	// message_expired.
	ChannelID string `json:"channel_id,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	MS        int64  `json:"ms"` // when, in Unix milliseconds
}

// A refusal is an answer whose status is none of 200 to 299.
type refusal struct {
	status     int
	retryAfter time.Duration // 0: not said
}

func (r *refusal) Error() string { return fmt.Sprintf("HTTP %d", r.status) }

// newTransport makes connections to where URLs lead. It follows no redirects, and uses no
// proxy, which would connect for us.
func newTransport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: timeout}
	if !allowPrivate {
		dialer.Control = publicnet.RefusePrivate
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// post sends an event once. The error shows nothing of the URL, which may hold a secret.
func (d *Deliverer) post(ctx context.Context, h *hook, e todevice.RTMWebhookEvent) error {
	body, err := json.Marshal(event{
		ID: e.ID, Number: e.Number, AppID: e.App, Type: e.Type, UserID: e.User,
		ChannelID: e.Channel, MessageID: e.MessageID, MS: e.At.UnixMilli(),
	})
	if err != nil {
		return fmt.Errorf("write the event: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL cannot be used")
	}
	now := d.now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Chappe")
	request.Header.Set("Webhook-Id", e.ID)
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	request.Header.Set("Webhook-Signature", sign(h.key, e.ID, now, body))
	response, err := d.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // the status says all
	if response.StatusCode/100 != 2 {
		return &refusal{status: response.StatusCode, retryAfter: retryAfter(response.Header.Get("Retry-After"))}
	}
	return nil
}

// retryAfter reads the header in seconds. A date in it is not looked at.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
