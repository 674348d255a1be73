package queue

import (
	"container/heap"
	"time"
)

// sleepers holds the peers that are left alone, the one to wake first at the front.
// One timer serves them all: a peer that sleeps costs little, and there may be
// thousands. It is a heap.Interface.
type sleepers []*peer

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].wakeAt.Before(s[j].wakeAt) }

func (s sleepers) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

// Push implements heap.Interface.
func (s *sleepers) Push(p any) {
	p.(*peer).place = len(*s)
	*s = append(*s, p.(*peer))
}

// Pop implements heap.Interface.
func (s *sleepers) Pop() any {
	last := len(*s) - 1
	p := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return p
}

// sleep leaves a peer alone for a while. The caller holds mu.
func (q *Queue) sleep(p *peer, wait time.Duration) {
	if q.running == nil {
		return // stopped: what is remembered in storage is enough
	}
	p.state = sleeping
	p.wakeAt = time.Now().Add(wait)
	heap.Push(&q.sleepers, p)
	q.setAlarm()
}

// rouse ends a peer's sleep. The caller holds mu, and says what is next.
func (q *Queue) rouse(p *peer) {
	heap.Remove(&q.sleepers, p.place)
	q.setAlarm()
}

// setAlarm sets the timer to when the first sleeper is to wake. The caller holds mu.
func (q *Queue) setAlarm() {
	if len(q.sleepers) == 0 {
		return
	}
	wait := time.Until(q.sleepers[0].wakeAt)
	if q.alarm == nil {
		q.alarm = time.AfterFunc(wait, q.ring)
		return
	}
	q.alarm.Reset(wait)
}

// ring wakes those whose sleep is over.
func (q *Queue) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running == nil {
		return
	}
	now := time.Now()
	for len(q.sleepers) > 0 && !q.sleepers[0].wakeAt.After(now) {
		q.enqueue(heap.Pop(&q.sleepers).(*peer))
	}
	q.setAlarm()
	q.dispatch()
}
