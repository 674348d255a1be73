package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A floor is the least that can answer the generator: it takes the PUT and answers
// the waiting GET, in memory. It knows no accounts, checks nothing, does not parse
// JSON, and forgets a message when it has handed it out. What a real server does
// beyond this is what it can be asked to be quick at. Of keys and device lists see
// keyFloor.
type floor struct {
	mu    sync.Mutex
	boxes map[string]*box // by what follows tokenPrefix; guarded by mu
	keys  *keyFloor
}

func newFloor() *floor { return &floor{boxes: make(map[string]*box), keys: newKeyFloor()} }

// A box holds the messages for one device.
type box struct {
	mu      sync.Mutex
	pending []byte // events with commas between; guarded by mu
	changed []byte // user IDs, quoted, with commas between; guarded by mu
	added   int64  // messages so far; guarded by mu
	// woken gets a value when there is something new.
	woken chan struct{}
}

// serveFloor serves until ctx ends.
func serveFloor(ctx context.Context, address string) error {
	return serveUntil(ctx, address, newFloor())
}

// serveUntil answers with a handler until ctx ends.
func serveUntil(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the floor: %w", err)
	}
	return <-stopped
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"} // or net/http would guess
	asking := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "+tokenPrefix)
	switch {
	case r.Method == http.MethodPut && r.URL.Path == devicePath:
		f.keys.rename(w, r, asking)
	case r.Method == http.MethodPut:
		f.put(w, r)
	case r.URL.Path == syncPath:
		f.box(asking).sync(w, r)
	case r.URL.Path == uploadPath:
		f.keys.upload(w, r)
	case r.URL.Path == queryPath:
		f.keys.query(w, r, f.box(asking))
	case r.URL.Path == claimPath:
		f.keys.claim(w, r)
	}
}

func (f *floor) box(localpart string) *box {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.boxes[localpart]
	if !ok {
		b = newBox()
		f.boxes[localpart] = b
	}
	return b
}

func newBox() *box { return &box{woken: make(chan struct{}, 1)} }

func (f *floor) put(w http.ResponseWriter, r *http.Request) {
	localpart, content, ok := readSend(r)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.box(localpart).add(content)
	_, _ = w.Write([]byte(`{}`)) // who hung up needs no answer
}

// readSend takes {"messages":{"@localpart:server":{"device":{...}}}} in this very form,
// and gives the content without its first brace.
func readSend(r *http.Request) (localpart string, content []byte, ok bool) {
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	parts := bytes.SplitN(body, []byte(`":{`), 4)
	if err != nil || len(parts) < 4 {
		return "", nil, false
	}
	to, _, _ := bytes.Cut(bytes.TrimPrefix(parts[1], []byte(`"@`)), []byte(":"))
	return string(to), bytes.TrimSuffix(parts[3], []byte(`}}}`)), true
}

// add takes a content without its first brace.
func (b *box) add(content []byte) {
	b.mu.Lock()
	if len(b.pending) > 0 {
		b.pending = append(b.pending, ',')
	}
	b.pending = append(b.pending, `{"content":{`...)
	b.pending = append(b.pending, content...)
	b.pending = append(b.pending, '}')
	b.added++
	b.mu.Unlock()
	b.wake()
}

// change takes the user ID of one whose devices have changed.
func (b *box) change(userID string) {
	b.mu.Lock()
	if len(b.changed) > 0 {
		b.changed = append(b.changed, ',')
	}
	b.changed = strconv.AppendQuote(b.changed, userID)
	b.mu.Unlock()
	b.wake()
}

func (b *box) wake() {
	select {
	case b.woken <- struct{}{}:
	default: // it has a signal it has not looked at yet
	}
}

// sync hands out what there is, and waits for it if it was told to.
func (b *box) sync(w http.ResponseWriter, r *http.Request) {
	if response, ok := b.await(r); ok {
		_, _ = w.Write(response) // who hung up needs no answer
	}
}

// await takes what there is, and waits for it if it was told to, unless the client hangs
// up.
func (b *box) await(r *http.Request) (response []byte, ok bool) {
	_, digits, _ := strings.Cut(r.URL.RawQuery, "timeout=")
	timeout, _ := strconv.Atoi(digits) // 0: do not wait
	response, found := b.take()
	if !found && timeout > 0 {
		timer := time.NewTimer(time.Duration(timeout) * time.Millisecond)
		defer timer.Stop()
		for ended := false; !found && !ended; response, found = b.take() {
			select {
			case <-b.woken:
			case <-timer.C:
				ended = true
			case <-r.Context().Done():
				return nil, false
			}
		}
	}
	return response, true
}

// take writes the response and tells whether it has anything. Its token is how many
// messages the box has handed out.
func (b *box) take() (response []byte, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found = len(b.pending)+len(b.changed) > 0
	response = make([]byte, 0, len(b.pending)+len(b.changed)+96)
	response = append(response, `{"next_batch":"`...)
	response = strconv.AppendInt(response, b.added, 10)
	response = append(response, `","to_device":{"events":[`...)
	response = append(response, b.pending...)
	response = append(response, `]},"device_lists":{"changed":[`...)
	response = append(response, b.changed...)
	response = append(response, `]}}`...)
	b.pending, b.changed = b.pending[:0], b.changed[:0]
	return response, found
}
