package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// A Client speaks with one server as one device, or as nobody before it has
// registered or logged in. It stays good when the server is restarted, and may be
// used from any goroutine.
type Client struct {
	// Device is whom the client speaks for; zero where that is nobody.
	Device Device
	// Token is the access token, "" where there is none.
	Token string

	url   string
	http  *http.Client
	check *specCheck // nil for none
}

// A Device names one device of one user, here or on another server.
type Device struct {
	User string // the whole user ID
	ID   string
}

func (d Device) String() string { return d.User + " " + d.ID }

// Client gives a client that is not logged in.
func (s *Server) Client() *Client {
	return &Client{url: s.URL(), http: s.http, check: s.check}
}

// newHTTPClient has connections of its own, so that no test meets another's.
func newHTTPClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// A Request is one HTTP request, as odd as a test needs it.
type Request struct {
	Method string
	// Path is percent-encoded and may have a query.
	Path string
	// Body is sent as it is; nil is no body.
	Body []byte
	// Header is sent besides the access token.
	Header http.Header
}

// A Response is an answer of any status, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request with the client's access token. Its error says that there was
// no whole answer, so that nobody knows what the server did. An answer of a [Server]
// that the specification does not have fails the test.
func (c *Client) Do(ctx context.Context, q Request) (*Response, error) {
	request, err := http.NewRequestWithContext(ctx, q.Method, c.url+q.Path, bytes.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range q.Header {
		request.Header[name] = values
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	response := &Response{Status: answer.StatusCode, Header: answer.Header, Body: body}
	if c.check != nil {
		c.check.see(q, response)
	}
	return response, nil
}

// An Error is an answer other than 200.
type Error struct {
	Status int
	// Code is the errcode, "" where the body has none.
	Code string
	// RetryAfter is how long the server asks to be left alone; 0 where it does not
	// say.
	RetryAfter time.Duration
	Body       []byte
}

func (e *Error) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

// Err is nil for a 200, and an *Error for everything else.
func (r *Response) Err() error {
	if r.Status == http.StatusOK {
		return nil
	}
	var body struct {
		Code         string `json:"errcode"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	}
	_ = json.Unmarshal(r.Body, &body) // not every answer is JSON
	e := &Error{Status: r.Status, Code: body.Code, Body: r.Body}
	e.RetryAfter = time.Duration(body.RetryAfterMS) * time.Millisecond
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// call sends a value as JSON and reads the answer into another. Either may be nil.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	q := Request{Method: method, Path: path}
	if body != nil {
		var err error
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
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// ClientOver gives the client of a device that is logged in already, over a
// transport of the caller's. The URL has no slash at its end.
func ClientOver(transport http.RoundTripper, url string, d Device, token string) *Client {
	return &Client{Device: d, Token: token, url: url, http: &http.Client{Transport: transport}}
}
