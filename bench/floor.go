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
// beyond this is what it can be asked to be quick at.
type floor struct {
	mu    sync.Mutex
	boxes map[string]*box // by localpart; guarded by mu
}

// A box holds the messages for one device.
type box struct {
	mu      sync.Mutex
	pending []byte // events with commas between; guarded by mu
	handed  int    // responses that had messages; guarded by mu
	// woken gets a value when there is something new.
	woken chan struct{}
}

// serveFloor serves until ctx ends.
func serveFloor(ctx context.Context, address string) error {
	f := &floor{boxes: make(map[string]*box)}
	server := &http.Server{Addr: address, Handler: f}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the floor: %w", err)
	}
	return <-stopped
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"} // or net/http would guess
	switch {
	case r.Method == http.MethodPut:
		f.put(w, r)
	case r.URL.Path == syncPath:
		f.box(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "+tokenPrefix)).sync(w, r)
	}
}

func (f *floor) box(localpart string) *box {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.boxes[localpart]
	if !ok {
		b = &box{woken: make(chan struct{}, 1)}
		f.boxes[localpart] = b
	}
	return b
}

// put takes {"messages":{"@localpart:server":{"device":{...}}}} in this very form.
func (f *floor) put(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	parts := bytes.SplitN(body, []byte(`":{`), 4)
	if err != nil || len(parts) < 4 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	localpart, _, _ := bytes.Cut(bytes.TrimPrefix(parts[1], []byte(`"@`)), []byte(":"))
	f.box(string(localpart)).add(bytes.TrimSuffix(parts[3], []byte(`}}}`)))
	_, _ = w.Write([]byte(`{}`)) // who hung up needs no answer
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
	b.mu.Unlock()
	select {
	case b.woken <- struct{}{}:
	default: // it has a signal it has not looked at yet
	}
}

// sync hands out what there is, and waits for it if it was told to.
func (b *box) sync(w http.ResponseWriter, r *http.Request) {
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
				return
			}
		}
	}
	_, _ = w.Write(response) // who hung up needs no answer
}

// take writes the response and tells whether it has messages.
func (b *box) take() (response []byte, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found = len(b.pending) > 0; found {
		b.handed++
	}
	response = make([]byte, 0, len(b.pending)+64)
	response = append(response, `{"next_batch":"`...)
	response = strconv.AppendInt(response, int64(b.handed), 10)
	response = append(response, `","to_device":{"events":[`...)
	response = append(response, b.pending...)
	response = append(response, `]}}`...)
	b.pending = b.pending[:0]
	return response, found
}
