// Package expiring remembers values for a time, and no more than so many.
package expiring

import (
	"container/list"
	"sync"
	"time"
)

// A Map remembers values by ID: for a time, and no more than so many, as strangers
// decide how many are made. When it is full the oldest goes. Its methods may be
// called from any goroutine.
type Map[T any] struct {
	capacity int
	lifetime time.Duration

	mu    sync.Mutex
	byID  map[string]*list.Element // guarded by mu
	order *list.List               // of remembered[T], oldest first; guarded by mu
}

type remembered[T any] struct {
	id    string
	value T
	until time.Time
}

// New makes an empty map.
func New[T any](capacity int, lifetime time.Duration) *Map[T] {
	return &Map[T]{
		capacity: capacity,
		lifetime: lifetime,
		byID:     make(map[string]*list.Element),
		order:    list.New(),
	}
}

// Put remembers a value under an ID that has not been used before.
func (e *Map[T]) Put(id string, value T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropExpired()
	if e.order.Len() >= e.capacity {
		e.drop(e.order.Front())
	}
	e.byID[id] = e.order.PushBack(remembered[T]{id, value, time.Now().Add(e.lifetime)})
}

// Get gives the value of an ID, if it is still remembered.
func (e *Map[T]) Get(id string) (T, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.find(id)
}

// Take is Get for a value that can be had only once.
func (e *Map[T]) Take(id string) (T, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	value, ok := e.find(id)
	if ok {
		e.drop(e.byID[id])
	}
	return value, ok
}

func (e *Map[T]) find(id string) (T, bool) {
	e.dropExpired()
	element, ok := e.byID[id]
	if !ok {
		var none T
		return none, false
	}
	return element.Value.(remembered[T]).value, true
}

// dropExpired goes from the oldest to the first that is not expired: as all live
// equally long, there are none behind it.
func (e *Map[T]) dropExpired() {
	now := time.Now()
	for first := e.order.Front(); first != nil; first = e.order.Front() {
		if now.Before(first.Value.(remembered[T]).until) {
			return
		}
		e.drop(first)
	}
}

func (e *Map[T]) drop(element *list.Element) {
	delete(e.byID, element.Value.(remembered[T]).id)
	e.order.Remove(element)
}
