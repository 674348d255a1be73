package matrixjs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A recorder stands before a server and notes every request and how it was answered.
type recorder struct {
	URL string

	// killed is set once the server is killed: what is under way then gets no answer.
	killed atomic.Bool

	mu        sync.Mutex
	exchanges []exchange // guarded by mu
	// noted is closed, and made anew, at each exchange.
	noted chan struct{} // guarded by mu
}

type exchange struct {
	method, path string
	status       int
	code         string // of an error
}

func (e exchange) String() string {
	return fmt.Sprintf("%s %s %d %s", e.method, e.path, e.status, e.code)
}

// record puts a recorder before a server. It must see no answer of 400 and above but
// those in refusals.
func record(t *testing.T, server *testserver.Server) *recorder {
	target, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{noted: make(chan struct{})}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(q *httputil.ProxyRequest) { q.SetURL(target) },
		ModifyResponse: r.note,
		ErrorHandler: func(w http.ResponseWriter, q *http.Request, err error) {
			// A client that hangs up, as it does with its last /sync, is none of the server's faults.
			if !errors.Is(err, context.Canceled) && !r.killed.Load() {
				t.Errorf("%s %s was not answered: %v", q.Method, q.URL.Path, err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	r.URL = proxy.URL
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
		r.check(t, server)
	})
	return r
}

// txnID finds what makes every sending a path of its own.
var txnID = regexp.MustCompile(`(/sendToDevice/[^/]+/)[^/]+$`)

func (r *recorder) note(answer *http.Response) error {
	q := answer.Request
	e := exchange{method: q.Method, path: txnID.ReplaceAllString(q.URL.Path, "$1{txnId}"), status: answer.StatusCode}
	if e.status >= 400 {
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		var refusal struct {
			Code string `json:"errcode"`
		}
		_ = json.Unmarshal(body, &refusal)
		e.code = refusal.Code
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, e)
	close(r.noted)
	r.noted = make(chan struct{})
	return nil
}

// await returns once so many messages were sent by way of the server.
func (r *recorder) await(ctx context.Context, messages int) error {
	for {
		r.mu.Lock()
		sent, noted := 0, r.noted
		for _, e := range r.exchanges {
			if strings.HasSuffix(e.path, "/sendToDevice/m.room.encrypted/{txnId}") && e.status == http.StatusOK {
				sent++
			}
		}
		r.mu.Unlock()
		if sent >= messages {
			return nil
		}
		select {
		case <-noted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refusals are the answers that a client must get: it asks in order to learn that
// there is nothing.
var refusals = []struct {
	method string
	path   *regexp.Regexp // after /_matrix/client/
	status int
	code   string
}{
	// Only this code says that there is no backup; any other is asked again.
	{"GET", regexp.MustCompile(`^v3/room_keys/version$`), 404, "M_NOT_FOUND"},
	// To replace an identity takes the password. The first attempt has none yet.
	{"POST", regexp.MustCompile(`^v3/keys/device_signing/upload$`), 401, ""},
	// Dehydrated devices (MSC3814): a server that does not know them says so.
	{"GET", regexp.MustCompile(`^unstable/org\.matrix\.msc3814\.v1/dehydrated_device$`), 404, "M_UNRECOGNIZED"},
	// Calls in rooms (MSC4143): likewise. The client takes a 404 as an answer and keeps it.
	{"GET", regexp.MustCompile(`^unstable/org\.matrix\.msc4143/rtc/transports$`), 404, "M_UNRECOGNIZED"},
}

func (e exchange) expected() bool {
	path, _ := strings.CutPrefix(e.path, "/_matrix/client/")
	for _, r := range refusals {
		if e.method == r.method && r.path.MatchString(path) && e.status == r.status && e.code == r.code {
			return true
		}
	}
	return e.status < 400
}

// check fails the test at a refusal that is not expected, and says what was asked.
func (r *recorder) check(t *testing.T, server *testserver.Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	times := make(map[exchange]int)
	for _, e := range r.exchanges {
		times[e]++
	}
	var lines []string
	for e, n := range times {
		lines = append(lines, fmt.Sprintf("%4d times %s", n, e))
		if !e.expected() {
			t.Errorf("%s answered %d times %s", server.Name(), n, e)
		}
	}
	slices.Sort(lines)
	t.Logf("%s was asked\n%s", server.Name(), strings.Join(lines, "\n"))
}
