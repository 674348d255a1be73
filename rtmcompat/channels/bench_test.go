package channels

import (
	"fmt"
	"sync"
	"testing"
)

// A queue is what a session does with a frame.
type queue struct {
	uid string

	mu     sync.Mutex
	frames [][]byte // guarded by mu
}

func (q *queue) UID() string { return q.uid }

func (q *queue) Push(frame []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.frames = append(q.frames, frame); len(q.frames) == 64 {
		q.frames = q.frames[:0]
	}
}

// One message to 10,000 members: encoded once, then one append for each.
func BenchmarkPublishTo10000(b *testing.B) {
	h := New()
	for i := range 10_000 {
		if _, err := h.Join(app, "room", &queue{uid: fmt.Sprint("m", i), frames: make([][]byte, 0, 64)}); err != nil {
			b.Fatal(err)
		}
	}
	m := Message{From: "m0", MsgID: 1699999999999, Body: `{"kind":"note","text":"a message as programs send them"}`}
	b.ReportAllocs()
	for b.Loop() {
		if n, err := h.Publish(app, "room", m); n != 9_999 || err != nil {
			b.Fatal(n, err)
		}
	}
}
