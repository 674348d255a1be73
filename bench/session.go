package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// messageType is that of all messages.
	messageType = "im.chappe.bench"
	sendPath    = "/_matrix/client/v3/sendToDevice/" + messageType + "/"
	syncPath    = "/_matrix/client/v3/sync"
	// devicePath is the asking user's own device.
	devicePath = "/_matrix/client/v3/devices/" + deviceID
)

// newTransport keeps as many connections open as there are devices. Requests go
// to it directly: what http.Client adds would cost the cores the server shares.
func newTransport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 1 << 14, DisableCompression: true}
}

// A session is one device's way to its server. It makes one request at a time.
type session struct {
	transport *http.Transport
	base      url.URL
	header    http.Header
	answer    bytes.Buffer
}

// newSessions makes a session for each of some people.
func newSessions(transport *http.Transport, address string, all []person) []*session {
	sessions := make([]*session, len(all))
	for i, p := range all {
		sessions[i] = newSession(transport, address, p)
	}
	return sessions
}

// newSession makes a session at the server of this address, host:port.
func newSession(transport *http.Transport, address string, p person) *session {
	return &session{
		transport: transport,
		base:      url.URL{Scheme: "http", Host: address},
		header:    http.Header{"Authorization": {"Bearer " + p.token()}},
	}
}

// put sends a body under a transaction ID and returns when it was accepted.
func (s *session) put(ctx context.Context, txnID string, body []byte) error {
	_, err := s.do(ctx, http.MethodPut, sendPath+txnID, "", body)
	return err
}

// sync asks for what waits behind the token, "" for an initial sync, and waits for
// it up to the timeout. The response is valid until the next request.
func (s *session) sync(ctx context.Context, since string, timeout time.Duration) ([]byte, error) {
	query := ""
	if since != "" {
		query = fmt.Sprintf("since=%s&timeout=%d", since, timeout.Milliseconds())
	}
	return s.do(ctx, http.MethodGet, syncPath, query, nil)
}

// post sends a body and gives the answer, which is valid until the next request.
func (s *session) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	return s.do(ctx, http.MethodPost, path, "", body)
}

func (s *session) do(ctx context.Context, method, path, query string, body []byte) ([]byte, error) {
	target := s.base
	target.Path, target.RawQuery = path, query
	request := &http.Request{Method: method, URL: &target, Header: s.header, ContentLength: int64(len(body))}
	if body != nil {
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	response, err := s.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	s.answer.Reset()
	_, err = s.answer.ReadFrom(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %.200s", method, path, response.Status, s.answer.Bytes())
	}
	return s.answer.Bytes(), nil
}
