package queue

// A lane bounds the peers that are worked for at once; the others wait in the
// order in which they came. A waiting peer costs no goroutine.
type lane struct {
	limit   int
	running int
	waiting []*peer
}

// next takes the first peer that waits, if there is room, and nil otherwise.
func (l *lane) next() *peer {
	if l.running >= l.limit || len(l.waiting) == 0 {
		return nil
	}
	first := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.running++
	return first
}

// wanted tells whether a place in the lane is waited for.
func (l *lane) wanted() bool { return len(l.waiting) > 0 }
