package sessions

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"syscall"
)

// Writers write what waits for connections: a few goroutines, which are there while there
// is something to write, and take the connections in the order in which they had it. So a
// message to thousands costs each of them one system call, and no goroutine; what else
// comes for a connection before its turn goes with it.
//
// None of them waits for a client: what one does not take at once, a goroutine of its own
// writes.
type writers struct {
	most int // at once

	mu sync.Mutex
	// first and last are those connections that wait for a writer, each of which has the
	// next. Guarded by mu.
	first, last *connection
	busy        int       // guarded by mu
	idle        []*writer // guarded by mu
}

// add has a connection wait for a writer.
func (w *writers) add(c *connection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.first = c
	} else {
		w.last.next = c
	}
	w.last = c
	if w.busy < w.most {
		w.busy++
		go w.work(w.writerLocked())
	}
}

func (w *writers) writerLocked() *writer {
	last := len(w.idle) - 1
	if last < 0 {
		return newWriter()
	}
	idle := w.idle[last]
	w.idle = w.idle[:last]
	return idle
}

// work writes until no connection waits. Before that it lets those run who are ready to:
// what they have to say goes along.
func (w *writers) work(own *writer) {
	runtime.Gosched()
	for c := w.take(own); c != nil; c = w.take(own) {
		own.write(c)
	}
}

// take gives the connection that has waited longest. Where there is none it gives nil, and
// the writer is idle from then on.
func (w *writers) take(own *writer) *connection {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.first
	if c == nil {
		w.busy--
		w.idle = append(w.idle, own)
		return nil
	}
	if w.first, c.next = c.next, nil; w.first == nil {
		w.last = nil
	}
	return c
}

// A writer writes for one connection at a time.
type writer struct {
	out     []byte
	written int   // bytes of it
	err     error // why no more
	once    func(fd uintptr) (done bool)
}

func newWriter() *writer {
	w := new(writer)
	w.once = w.try
	return w
}

// try is one system call. It is done whatever comes of it.
func (w *writer) try(fd uintptr) (done bool) {
	for {
		n, err := syscall.Write(int(fd), w.out)
		if w.written, w.err = max(n, 0), err; !errors.Is(err, syscall.EINTR) {
			return true
		}
	}
}

// write writes what waits for a connection, as far as its client takes it now.
func (w *writer) write(c *connection) {
	out, last := c.take(w.out[:0])
	if len(out) == 0 {
		return
	}
	w.out, w.written, w.err = out, 0, nil
	if err := c.raw.Write(w.once); err != nil {
		w.err = err
	}
	switch rest := out[w.written:]; {
	case errors.Is(w.err, syscall.EAGAIN) || w.err == nil && len(rest) > 0:
		go c.writeSlowly(bytes.Clone(rest), last)
	case w.err != nil || last:
		c.kill()
	default:
		c.wrote()
	}
	if cap(w.out) > 2*batch {
		w.out = nil
	}
}

// mostWriters is how many writers there are at most: half as many as cores, of which the
// program takes each for two. Most of what writing costs is the kernel's work, that of a
// receiver on this machine included, and takes a core from those who read; and the fewer
// write, the more of what comes for a connection goes together.
func mostWriters() int { return max(runtime.GOMAXPROCS(0)/4, 1) }
