package arrtm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// patience is for what takes well under a second on a machine that is not busy.
const patience = time.Minute

// A program runs driver.js: it has the SDK, does what it is ordered and tells of it.
type program struct {
	t   *testing.T
	url string // where it asks for orders

	orders chan order
	// over is closed when nothing more is ordered.
	over chan struct{}
	// ended is closed when the program is gone.
	ended chan struct{}

	mu      sync.Mutex
	answers map[int]chan news  // by order, while it is waited for; guarded by mu
	told    map[string][]event // what nobody has asked for yet, by object and event; guarded by mu
	watch   map[string]func(event)
	// wild says that errors which nobody can catch are to be expected.
	wild bool // guarded by mu
	// changed is closed, and made anew, whenever the program tells something.
	changed chan struct{} // guarded by mu
	last    int           // the number of the last order; guarded by mu
}

// An order is for one object in the program: a client, or what that has made.
type order struct {
	ID     int    `json:"id"`
	Do     string `json:"do"`
	Object string `json:"object"`
	Method string `json:"method,omitempty"`
	Args   []any  `json:"args"`
	As     string `json:"as,omitempty"` // the name of what is made
}

// A news is an answer to an order, an event of an object, or an error that the SDK has
// thrown at nobody.
type news struct {
	ID     int               `json:"id"`
	Value  json.RawMessage   `json:"value"`
	Error  *refusal          `json:"error"`
	Object string            `json:"object"`
	Event  string            `json:"event"`
	Args   []json.RawMessage `json:"args"`
	Stray  string            `json:"stray"`
}

type event []json.RawMessage

// A refusal is what a promise was rejected with.
type refusal struct {
	Code int
	// Bare is true where it was no more than the number.
	Bare bool
	Text string
}

// newProgram makes what a program asks; start starts it, and gives what tells of its end.
func newProgram(t *testing.T, files http.Handler, start func(ctx context.Context, url string) <-chan error) *program {
	t.Helper()
	p := &program{
		t: t, orders: make(chan order, 1000), over: make(chan struct{}), ended: make(chan struct{}),
		answers: make(map[int]chan news), told: make(map[string][]event), watch: make(map[string]func(event)),
		changed: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", p.order)
	mux.HandleFunc("POST /told", p.hear)
	mux.Handle("GET /", files)
	server := httptest.NewServer(mux)
	p.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := start(ctx, p.url)
	go func() {
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Errorf("the program ended: %v", err)
		}
		close(p.ended)
	}()
	t.Cleanup(func() {
		close(p.over)
		cancel()
		<-p.ended
		server.CloseClientConnections()
		server.Close()
	})
	return p
}

// order gives the program what there is to do, once there is something.
func (p *program) order(w http.ResponseWriter, q *http.Request) {
	var list []order
	select {
	case o := <-p.orders:
		list = append(list, o)
	case <-p.over: // null
	case <-q.Context().Done():
		return
	}
	for len(list) > 0 && len(p.orders) > 0 {
		list = append(list, <-p.orders)
	}
	_ = json.NewEncoder(w).Encode(list)
}

// hear takes what the program tells.
func (p *program) hear(_ http.ResponseWriter, q *http.Request) {
	var list []news
	if err := json.NewDecoder(q.Body).Decode(&list); err != nil {
		p.t.Errorf("read what the program tells: %v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range list {
		switch {
		case n.Stray != "":
			if !p.wild {
				p.t.Errorf("nobody caught %s", n.Stray)
			}
		case n.Event != "":
			key := n.Object + " " + n.Event
			if watch := p.watch[key]; watch != nil {
				watch(n.Args)
			}
			p.told[key] = append(p.told[key], n.Args)
		default:
			p.answers[n.ID] <- n
			delete(p.answers, n.ID)
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// do gives an order, and waits for its answer. It may be called from any goroutine.
func (p *program) do(o order) (json.RawMessage, *refusal) {
	p.t.Helper()
	if o.Args == nil {
		o.Args = []any{}
	}
	answered := make(chan news, 1)
	p.mu.Lock()
	p.last++
	o.ID = p.last
	p.answers[o.ID] = answered
	p.mu.Unlock()
	p.orders <- o
	select {
	case n := <-answered:
		return n.Value, n.Error
	case <-p.ended:
		return nil, &refusal{Text: "the program has ended"}
	case <-time.After(patience):
		return nil, &refusal{Text: "there was no answer"}
	}
}

// await gives the first event of this name that was not asked for yet.
func (p *program) await(object, name string) event {
	p.t.Helper()
	e, err := p.next(object, name, patience)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

func (p *program) next(object, name string, patience time.Duration) (event, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	key := object + " " + name
	for {
		p.mu.Lock()
		changed, waiting := p.changed, p.told[key]
		if len(waiting) > 0 {
			p.told[key] = waiting[1:]
		}
		p.mu.Unlock()
		if len(waiting) > 0 {
			return waiting[0], nil
		}
		select {
		case <-changed:
		case <-p.ended:
			return nil, fmt.Errorf("the program ended before %s had %s", object, name)
		case <-timer.C:
			return nil, fmt.Errorf("%s had no %s", object, name)
		}
	}
}

// pending tells how many events of a name nobody has asked for.
func (p *program) pending(object, name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.told[object+" "+name])
}

// expectErrors says that from now on servers fail, for which the SDK has no answer.
func (p *program) expectErrors() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wild = true
}

// String is for the log: what the program told and no one has asked for.
func (p *program) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := "not asked for:"
	for key, events := range p.told {
		if len(events) > 0 {
			text += fmt.Sprintf("\n%4d %s %s", len(events), key, events[len(events)-1])
		}
	}
	return text
}

// listen lets a function have each event of an object besides. It is called one at a time.
func (p *program) listen(object, name string, f func(event)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch[object+" "+name] = f
}

// within gives a context for what should be long over when it ends.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
