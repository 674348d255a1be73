// Package ratelimit bounds how often each of many, that strangers decide upon, may do
// something.
package ratelimit

import (
	"container/list"
	"sync"
	"time"
)

// A Limit is how many may be done in a second in the long run, and how many at once by
// who has done none for a while.
type Limit struct {
	PerSecond float64
	Burst     int
}

// A Bucket is what one has done of late, for a limit it is held to by whoever has it. The
// zero value has done nothing. It may not be used by two goroutines at once.
type Bucket struct {
	full time.Time // when it has its whole burst again
}

// Take counts something that is done. It gives 0 if that may be; otherwise nothing is
// counted, and it gives the time after which it may.
func (b *Bucket) Take(limit Limit, now time.Time) (wait time.Duration) {
	interval := time.Duration(float64(time.Second) / limit.PerSecond)
	full := now
	if b.full.After(now) {
		full = b.full
	}
	full = full.Add(interval)
	if wait = full.Sub(now) - interval*time.Duration(limit.Burst); wait > 0 {
		return wait
	}
	b.full = full
	return 0
}

// A Limiter holds each key to the same limit. It remembers no more than so many keys,
// and none that has its whole burst again; if there are more, the one that was used
// least recently is let off. Each call takes a constant time on the average. Times
// given to it should be of the clock that nobody can move.
//
// What is remembered of a key is when it has its burst again: that moves away with all
// it does, and may be in the future no further than the burst is worth.
type Limiter[Key comparable] struct {
	interval time.Duration // what one is worth
	burst    time.Duration // what the burst is worth
	maxKeys  int

	mu    sync.Mutex
	byKey map[Key]*list.Element // guarded by mu
	used  *list.List            // of used[Key], the latest first; guarded by mu
}

type used[Key comparable] struct {
	key  Key
	full time.Time // when it has its whole burst again
}

// New makes a limiter of at most maxKeys keys.
func New[Key comparable](limit Limit, maxKeys int) *Limiter[Key] {
	interval := time.Duration(float64(time.Second) / limit.PerSecond)
	return &Limiter[Key]{
		interval: interval,
		burst:    interval * time.Duration(limit.Burst),
		maxKeys:  maxKeys,
		byKey:    make(map[Key]*list.Element),
		used:     list.New(),
	}
}

// Take counts something a key does, for as many as it is worth; more than the burst
// counts as the burst. It gives 0 if the key may do it. Otherwise nothing is counted,
// and it gives the time after which the key may.
func (l *Limiter[Key]) Take(key Key, worth int, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetIdle(now)
	full := now
	element := l.byKey[key]
	if element != nil {
		if then := element.Value.(used[Key]).full; then.After(now) {
			full = then
		}
	}
	full = full.Add(min(l.interval*time.Duration(worth), l.burst))
	if wait = full.Sub(now) - l.burst; wait > 0 {
		return wait
	}
	if element == nil {
		if l.used.Len() >= l.maxKeys {
			l.forget(l.used.Back())
		}
		element = l.used.PushFront(used[Key]{})
		l.byKey[key] = element
	}
	element.Value = used[Key]{key, full}
	l.used.MoveToFront(element)
	return 0
}

// Return gives a key back some of what it has taken.
func (l *Limiter[Key]) Return(key Key, worth int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if element := l.byKey[key]; element != nil {
		u := element.Value.(used[Key])
		u.full = u.full.Add(-l.interval * time.Duration(worth))
		element.Value = u
	}
}

// forgetIdle forgets keys for which that makes no difference, of those that were not
// used for longest. The caller holds mu.
func (l *Limiter[Key]) forgetIdle(now time.Time) {
	for last := l.used.Back(); last != nil && !last.Value.(used[Key]).full.After(now); last = l.used.Back() {
		l.forget(last)
	}
}

func (l *Limiter[Key]) forget(element *list.Element) {
	delete(l.byKey, element.Value.(used[Key]).key)
	l.used.Remove(element)
}
