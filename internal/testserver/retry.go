package testserver

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
	// answerPatience is how long one attempt may take, besides what it asked the
	// server to wait. A lost answer then looks as if the server had died.
	answerPatience = 30 * time.Second
)

// Retry repeats a request as the specification asks of clients: after no answer, a
// 5xx or a 429, it asks again, after the time the server named, and never gives up
// before ctx ends. Any other error is final. The request must be one that can be
// repeated without harm; an attempt that takes longer than patience is given up.
func Retry(ctx context.Context, patience time.Duration, request func(context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := attempt(ctx, patience, request)
		if err == nil || final(err) {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		var refused *Error
		wait := pause
		if errors.As(err, &refused) && refused.RetryAfter > 0 {
			wait = refused.RetryAfter
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

func attempt(ctx context.Context, patience time.Duration, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return request(ctx)
}

// final tells whether an error is one that asking again does not mend.
func final(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusTooManyRequests
}

// SendToDeviceRetry is SendToDevice, repeated under the same transaction ID until
// the server has answered.
func (c *Client) SendToDeviceRetry(ctx context.Context, eventType, txnID string, messages Messages) error {
	return Retry(ctx, answerPatience, func(ctx context.Context) error {
		return c.SendToDevice(ctx, eventType, txnID, messages)
	})
}

// SyncRetry is Sync, repeated with the same since until there is a whole answer.
func (c *Client) SyncRetry(ctx context.Context, since string, timeout time.Duration) (response *SyncResponse, err error) {
	err = Retry(ctx, timeout+answerPatience, func(ctx context.Context) error {
		response, err = c.Sync(ctx, since, timeout)
		return err
	})
	return response, err
}
