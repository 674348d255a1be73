package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

var (
	errLost    = errors.New("simulation: the connection broke")
	errNobody  = errors.New("simulation: connection refused")
	errCrashed = errors.New("simulation: the server crashed")
)

// A network carries requests to servers, and harms them as the plan says.
type network struct {
	seed  uint64
	plan  plan
	tally *tally
	// find gives the server of a name, nil while it is down.
	find func(name string) *instance

	mu      sync.Mutex
	healthy bool                 // guarded by mu
	links   map[string]*link     // by "from to endpoint"; guarded by mu
	cut     map[string]time.Time // until when a link is cut, by "from to"; guarded by mu
}

// A link is the way from one end to another.
type link struct {
	chance  chance
	sent    int // requests so far
	arrived int // the highest number that has arrived
}

// A fate is what happens to one request.
type fate struct {
	number           int
	lost, answerLost bool
	there, back      time.Duration
	again            time.Duration // after which it comes once more, 0 for never
	status           int           // of a proxy's answer, 0 for none
}

// from gives the network as one end sees it.
func (n *network) from(end string) http.RoundTripper { return &exit{network: n, end: end} }

// heal ends all harm.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.healthy = true
	clear(n.cut)
}

// partition cuts two ends off from each other for a while, in one direction or both.
func (n *network) partition(a, b string, both bool, length time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[a+" "+b] = time.Now().Add(length)
	if both {
		n.cut[b+" "+a] = time.Now().Add(length)
	}
}

func (n *network) isCut(way string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(n.cut[way])
}

// fate decides what happens to the next request on a way.
func (n *network) fate(way string) fate {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[way]
	if l == nil {
		l = &link{chance: chanceOf(n.seed, "link "+way)}
		n.links[way] = l
	}
	l.sent++
	c, p := l.chance, n.plan
	f := fate{number: l.sent, there: c.between(time.Millisecond, p.latency), back: c.between(time.Millisecond, p.latency)}
	if n.healthy {
		return f
	}
	f.lost, f.answerLost = c.happens(p.loss), c.happens(p.answerLoss)
	if c.happens(p.lateness) {
		f.there += c.between(0, p.lag)
	}
	if c.happens(p.lateness) {
		f.back += c.between(0, p.lag)
	}
	if c.happens(p.doubling) {
		f.again = c.between(time.Millisecond, p.lag)
	}
	if c.happens(p.refusal) {
		f.status = pick(c, []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable})
	}
	return f
}

// arrives notes that a request has arrived, and tells whether a later one was there
// before it.
func (n *network) arrives(way string, number int) (wasOvertaken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[way]
	if number < l.arrived {
		return true
	}
	l.arrived = number
	return false
}

// An exit is one end's way into the network.
type exit struct {
	network *network
	end     string
}

// RoundTrip implements http.RoundTripper.
func (e *exit) RoundTrip(request *http.Request) (*http.Response, error) {
	n := e.network
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		_ = request.Body.Close()
	}
	to := strings.TrimSuffix(request.URL.Host, ":0")
	// What of one end may be under way at the same time goes separate ways, so that
	// its order within an instant decides nothing.
	way := e.end + " " + to + " " + endpoint(request, body)
	f := n.fate(way)
	n.noteFate(way, f)
	ctx := request.Context()
	if err := pass(ctx, f.there); err != nil {
		return nil, err
	}
	if f.lost {
		return nil, errLost
	}
	if n.isCut(e.end + " " + to) {
		n.tally.note(cutOff, 1, "%s #%d", way, f.number)
		return nil, hang(ctx)
	}
	if n.arrives(way, f.number) {
		n.tally.note(overtaken, 1, "%s #%d", way, f.number)
	}
	if f.status != 0 {
		return turnAway(request, f.status), nil
	}
	if f.again > 0 {
		go n.again(way, f, to, request, body)
	}
	response, err := n.deliver(ctx, to, request, body)
	if err != nil {
		return nil, err
	}
	if f.answerLost {
		return nil, errLost
	}
	if err := pass(ctx, f.back); err != nil {
		return nil, err
	}
	return response, nil
}

// endpoint names what is asked for, without what is random in it.
func endpoint(request *http.Request, body []byte) string {
	path := request.URL.Path
	for _, part := range []string{"sendToDevice", "sync", "keys/upload", "key/v2/server", "user/devices"} {
		if strings.Contains(path, "/"+part) {
			return part
		}
	}
	switch {
	case !strings.Contains(path, "/send/"):
		return request.Method + " " + path
	case bytes.Contains(body, []byte(`"edus":[],`)):
		return "send nothing"
	}
	return "send"
}

func (n *network) noteFate(way string, f fate) {
	what := fmt.Sprintf("%s #%d", way, f.number)
	for _, harm := range []struct {
		kind     fault
		happened bool
	}{
		{requestLost, f.lost}, {answerLost, f.answerLost && !f.lost}, {late, max(f.there, f.back) >= time.Second},
		{doubled, f.again > 0 && !f.lost}, {turnedAway, f.status != 0 && !f.lost},
	} {
		if harm.happened {
			n.tally.note(harm.kind, 1, "%s", what)
		}
	}
}

// again delivers a request once more. Nobody hears the answer.
func (n *network) again(way string, f fate, to string, request *http.Request, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if pass(ctx, f.again) != nil {
		return
	}
	if n.arrives(way, f.number) {
		n.tally.note(overtaken, 1, "%s #%d", way, f.number)
	}
	_, _ = n.deliver(ctx, to, request, body)
}

// deliver has a server answer a request.
func (n *network) deliver(ctx context.Context, to string, request *http.Request, body []byte) (*http.Response, error) {
	server := n.find(to)
	if server == nil {
		return nil, errNobody
	}
	handler := server.forServers
	if strings.HasPrefix(request.URL.Path, "/_matrix/client/") {
		handler = server.forClients
	}
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	copied := request.Clone(ctx)
	copied.Body, copied.RequestURI, copied.RemoteAddr = io.NopCloser(bytes.NewReader(body)), request.URL.RequestURI(), "192.0.2.1:1"
	if copied.Host == "" {
		copied.Host = request.URL.Host
	}
	recorder := httptest.NewRecorder()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		handler.ServeHTTP(recorder, copied)
	}()
	select {
	case <-answered:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-server.dead:
		return nil, errCrashed
	}
	select {
	case <-server.dead: // it answered, and nobody heard
		return nil, errCrashed
	default:
	}
	response := recorder.Result()
	response.Request = request
	return response, nil
}

func turnAway(request *http.Request, status int) *http.Response {
	recorder := httptest.NewRecorder()
	if status == http.StatusTooManyRequests {
		recorder.Header().Set("Retry-After", "2")
	}
	recorder.WriteHeader(status)
	response := recorder.Result()
	response.Request = request
	return response
}

// pass lets time pass, or fails as ctx ends.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hang keeps a request until the one who made it gives up, or half a minute.
func hang(ctx context.Context) error {
	if err := pass(ctx, 30*time.Second); err != nil {
		return err
	}
	return errLost
}
