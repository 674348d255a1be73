package sqlite

import (
	"sync"

	"github.com/chappe-im/chappe/todevice"
)

// maxBounds is how many users' bounds are remembered, in a few MiB.
const maxBounds = 50_000

// changeBounds remembers for local users a position above which nothing has changed
// that their devices must hear of, so that a sync without news costs no read. A
// bound is raised before the change is committed, so it may be too high, if that
// fails; it is never too low.
type changeBounds struct {
	mu     sync.Mutex
	bounds map[string]todevice.Position // guarded by mu
	// generation counts the times everything was forgotten. What was read before is
	// not remembered after. Guarded by mu.
	generation uint64
}

func newChangeBounds() *changeBounds {
	return &changeBounds{bounds: make(map[string]todevice.Position)}
}

// nothingAfter tells whether it is known that nothing has changed after a position.
// Otherwise the caller reads, and keeps the generation for read.
func (b *changeBounds) nothingAfter(localpart string, after todevice.Position) (nothing bool, generation uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bound, known := b.bounds[localpart]
	return known && bound <= after, b.generation
}

// read notes that all changes up to a position were read, after which there was none
// then. A change since has raised the bound itself.
func (b *changeBounds) read(localpart string, upTo todevice.Position, generation uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.bounds[localpart]; known || b.generation != generation {
		return
	}
	b.set(localpart, upTo)
}

func (b *changeBounds) raise(localpart string, to todevice.Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(localpart, max(to, b.bounds[localpart]))
}

// set is called with mu held.
func (b *changeBounds) set(localpart string, bound todevice.Position) {
	if len(b.bounds) >= maxBounds {
		b.clear()
	}
	b.bounds[localpart] = bound
}

func (b *changeBounds) forgetAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
}

// clear is called with mu held.
func (b *changeBounds) clear() {
	clear(b.bounds)
	b.generation++
}
