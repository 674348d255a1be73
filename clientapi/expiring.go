package clientapi

import (
	"container/list"
	"sync"
	"time"
)

// expiring remembers values by ID: for a time, and no more than so many, as
// strangers decide how many are made. When it is full the oldest goes.
type expiring[T any] struct {
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

func newExpiring[T any](capacity int, lifetime time.Duration) *expiring[T] {
	return &expiring[T]{
		capacity: capacity,
		lifetime: lifetime,
		byID:     make(map[string]*list.Element),
		order:    list.New(),
	}
}

// put remembers a value under an ID that has not been used before.
func (e *expiring[T]) put(id string, value T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropExpired()
	if e.order.Len() >= e.capacity {
		e.drop(e.order.Front())
	}
	e.byID[id] = e.order.PushBack(remembered[T]{id, value, time.Now().Add(e.lifetime)})
}

// get gives the value of an ID, if it is still remembered.
func (e *expiring[T]) get(id string) (T, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.find(id)
}

// take is get for a value that can be had only once.
func (e *expiring[T]) take(id string) (T, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	value, ok := e.find(id)
	if ok {
		e.drop(e.byID[id])
	}
	return value, ok
}

func (e *expiring[T]) find(id string) (T, bool) {
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
func (e *expiring[T]) dropExpired() {
	now := time.Now()
	for first := e.order.Front(); first != nil; first = e.order.Front() {
		if now.Before(first.Value.(remembered[T]).until) {
			return
		}
		e.drop(first)
	}
}

func (e *expiring[T]) drop(element *list.Element) {
	delete(e.byID, element.Value.(remembered[T]).id)
	e.order.Remove(element)
}
