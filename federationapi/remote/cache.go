package remote

import (
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// maxCached bounds the servers of which something is kept.
const maxCached = 10_000

// A cache keeps what was found out about servers for a while.
type cache[T any] struct {
	mu      sync.Mutex
	entries map[spec.ServerName]cached[T] // guarded by mu
}

type cached[T any] struct {
	value   T
	expires time.Time
}

func newCache[T any]() *cache[T] {
	return &cache[T]{entries: make(map[spec.ServerName]cached[T])}
}

func (c *cache[T]) load(server spec.ServerName, now time.Time) (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[server]
	if !ok || !now.Before(entry.expires) {
		return value, false
	}
	return entry.value, true
}

func (c *cache[T]) store(server spec.ServerName, value T, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.entries[server]; !known && len(c.entries) >= maxCached {
		for other := range c.entries { // which one goes does not matter
			delete(c.entries, other)
			break
		}
	}
	c.entries[server] = cached[T]{value: value, expires: expires}
}

// change changes what is kept of a server, if anything is.
func (c *cache[T]) change(server spec.ServerName, to func(T) T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.entries[server]; ok {
		entry.value = to(entry.value)
		c.entries[server] = entry
	}
}

func (c *cache[T]) drop(server spec.ServerName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, server)
}
