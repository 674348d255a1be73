package main

import (
	"net"
	"sync"
)

// A member is a session: a queue, and a goroutine that writes all that waits in it with
// one call.
type member struct {
	conn net.Conn
	uid  string
	mu   sync.Mutex
	// waiting are frames that were not written yet. Guarded by mu.
	waiting [][]byte
	// woken gets a value when there is something to write.
	woken chan struct{}
	// gone is closed when the client has hung up.
	gone chan struct{}
}

func (m *member) push(frame []byte) {
	m.mu.Lock()
	m.waiting = append(m.waiting, frame)
	m.mu.Unlock()
	select {
	case m.woken <- struct{}{}:
	default: // it has a signal it has not looked at yet
	}
}

func (m *member) write() {
	var taken [][]byte
	for {
		select {
		case <-m.woken:
		case <-m.gone:
			return
		}
		m.mu.Lock()
		taken, m.waiting = m.waiting, taken[:0]
		m.mu.Unlock()
		out := net.Buffers(taken)
		if _, err := out.WriteTo(m.conn); err != nil {
			return // whoever reads sees it, too
		}
	}
}
