package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	// durableFile is the database of the durable floor, in a folder of its own.
	durableFile = "floor.db"
	// maxCommit is how many changes one commit of a floor holds at most, as in Chappe.
	maxCommit = 512
)

// A durableFloor is the floor, and of what a real server does beyond it the one thing
// that cannot be left out: a message is on disk before its PUT is answered, and off it
// before the /sync that confirms it is. What waits has one commit, and one fsync,
// together. Like the floor it knows no accounts and parses no JSON, and what it hands
// out comes from memory.
type durableFloor struct {
	mu      sync.Mutex
	boxes   map[string]*durableBox // by what follows tokenPrefix; guarded by mu
	changes chan *change
}

// A durableBox is a box whose messages are on disk until they are confirmed.
type durableBox struct {
	*box
	name      string
	stored    int64 // the position of the last message; belongs to the writer
	confirmed int64 // all up to it are confirmed; guarded by mu of the box
}

// A change is a message for a box, or the confirmation of all up to a position, which
// waits for its commit.
type change struct {
	box     *durableBox
	content []byte // without its first brace; nil for a confirmation
	upTo    int64
	done    chan error // buffered: gets exactly one answer
}

// serveDurable serves until ctx ends, with a new database in a folder.
func serveDurable(ctx context.Context, address, dir string) error {
	writer, err := newDurableWriter(filepath.Join(dir, durableFile))
	if err != nil {
		return err
	}
	f := &durableFloor{boxes: make(map[string]*durableBox), changes: make(chan *change, maxCommit)}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntil(ctx, address, f) })
	group.Go(func() error {
		writer.run(ctx, f.changes)
		return nil
	})
	return errors.Join(group.Wait(), writer.db.close())
}

func (f *durableFloor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"} // or net/http would guess
	switch {
	case r.Method == http.MethodPut:
		f.put(w, r)
	case r.URL.Path == syncPath:
		f.sync(w, r)
	}
}

func (f *durableFloor) box(name string) *durableBox {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.boxes[name]
	if !ok {
		b = &durableBox{box: newBox(), name: name}
		f.boxes[name] = b
	}
	return b
}

func (f *durableFloor) put(w http.ResponseWriter, r *http.Request) {
	localpart, content, ok := readSend(r)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	done := make(chan error, 1)
	f.changes <- &change{box: f.box(localpart), content: content, done: done}
	answer(w, []byte(`{}`), <-done)
}

// sync waits for news while what the client has is removed.
func (f *durableFloor) sync(w http.ResponseWriter, r *http.Request) {
	b := f.box(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "+tokenPrefix))
	token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.RawQuery, "since="), "&")
	upTo, _ := strconv.ParseInt(token, 10, 64) // 0: nothing
	done := make(chan error, 1)
	if b.confirm(upTo) {
		f.changes <- &change{box: b, upTo: upTo, done: done}
	} else {
		done <- nil
	}
	if response, ok := b.await(r); ok {
		answer(w, response, <-done)
	}
}

// confirm tells whether there is anything up to a position that was not confirmed yet.
func (b *durableBox) confirm(upTo int64) (news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	news = upTo > b.confirmed
	b.confirmed = max(b.confirmed, upTo)
	return news
}

// answer answers a request whose change has ended so.
func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body) // who hung up needs no answer
}
