package testserver

import (
	"bytes"
	"sync"
)

// A log keeps what a server wrote, over all its starts.
type log struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// faults names what no server may ever write, as far as it is there. A process
// that is killed has no exit code to tell of it.
func (l *log) faults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, sign := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
		if bytes.Contains(l.text, []byte(sign)) {
			found = append(found, sign)
		}
	}
	return found
}
