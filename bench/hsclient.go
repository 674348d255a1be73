package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// answerPatience is how long an answer may take, besides what the server was asked
	// to wait.
	answerPatience = 30 * time.Second
	// maxHold is the longest time that is waited because a server asks for it, and
	// toldHold the shortest that is told of.
	maxHold  = 5 * time.Minute
	toldHold = 3 * time.Second
	// maxFailures is how often a request is made again that had no answer, or one of 5xx.
	maxFailures = 4
	firstPause  = 100 * time.Millisecond // each further one is twice as long
	maxAnswer   = 64 << 20               // bytes
)

// A homeserver is a Matrix server of which nothing is known but its URL.
type homeserver struct {
	base      *url.URL
	transport http.RoundTripper
	say       func(format string, args ...any)
	// limited counts the answers 429, and failed those of 5xx and the requests without
	// one. After either the same request was made again.
	limited, failed atomic.Int64
}

// A call is one request of the client-server API.
type call struct {
	method, path, query string
	token               string // "" for none
	body                []byte // nil for none
	patience            time.Duration
}

// ask makes a request and gives the body of its answer. After a 429 it waits as long as
// the server says, and makes it again. After no answer, or a 5xx, it does so with a GET
// or PUT, which do once what they do twice: a PUT has the same transaction ID.
func (h *homeserver) ask(ctx context.Context, c call) ([]byte, error) {
	for failures := 0; ; {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		answer, err := h.attempt(ctx, c)
		if err == nil {
			return answer, nil
		}
		err = fmt.Errorf("%s %s: %w", c.method, c.path, err)
		if ctx.Err() != nil {
			return nil, err
		}
		var refused *refusal
		errors.As(err, &refused)
		wait := firstPause << failures
		switch {
		case refused.limits():
			h.limited.Add(1)
			wait = refused.hold
		case refused.final(), c.method == http.MethodPost, failures == maxFailures:
			return nil, err
		default:
			h.failed.Add(1)
			failures++
		}
		if err := h.hold(ctx, wait); err != nil {
			return nil, fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
	}
}

// hold leaves the server alone for a time, unless that is too long.
func (h *homeserver) hold(ctx context.Context, wait time.Duration) error {
	if wait > maxHold {
		return fmt.Errorf("the server asks to wait %v", wait)
	}
	if wait >= toldHold {
		h.say("  waiting %v, for which the server asks", wait)
	}
	return pause(ctx, wait)
}

// attempt makes a request once. A POST that is under way is not given up when ctx ends:
// it must be known what became of it.
func (h *homeserver) attempt(ctx context.Context, c call) ([]byte, error) {
	if c.method == http.MethodPost {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience+c.patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, c.method, h.base.String()+c.path, bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	request.URL.RawQuery = c.query
	request.Header.Set("User-Agent", "chappe-bench")
	if c.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	// Redirects are not followed: another server would get the access token.
	response, err := h.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusalOf(response.StatusCode, response.Header, body)
	}
	return body, nil
}

// post sends a value as JSON, as a device, and reads the answer into another, which may
// be nil.
func (h *homeserver) post(ctx context.Context, path, token string, value, into any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	answer, err := h.ask(ctx, call{method: http.MethodPost, path: path, token: token, body: body})
	return decoded(path, answer, err, into)
}

// get reads the answer to a GET.
func (h *homeserver) get(ctx context.Context, path, token string, into any) error {
	answer, err := h.ask(ctx, call{method: http.MethodGet, path: path, token: token})
	return decoded(path, answer, err, into)
}

// decoded reads an answer, unless there was an error instead.
func decoded(path string, answer []byte, err error, into any) error {
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s: read the answer: %w", path, err)
	}
	return nil
}
