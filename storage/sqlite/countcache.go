package sqlite

import (
	"sync"

	"github.com/chappe-im/chappe/todevice"
)

// maxCounted is how many devices' key counts are remembered, in a few MiB.
const maxCounted = 20_000

// keyCountCache remembers how many keys devices have, as every sync says so.
type keyCountCache struct {
	mu     sync.Mutex
	counts map[todevice.InboxID]todevice.KeyCounts // guarded by mu
	// generation counts the times an entry was forgotten. What was read before is not
	// remembered after. Guarded by mu.
	generation uint64
}

func newKeyCountCache() *keyCountCache {
	return &keyCountCache{counts: make(map[todevice.InboxID]todevice.KeyCounts)}
}

func (c *keyCountCache) find(inbox todevice.InboxID) (counts todevice.KeyCounts, ok bool, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts, ok = c.counts[inbox]
	return counts, ok, c.generation
}

func (c *keyCountCache) remember(inbox todevice.InboxID, counts todevice.KeyCounts, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	if len(c.counts) >= maxCounted {
		clear(c.counts)
	}
	c.counts[inbox] = counts
}

// forget comes after the change is committed, or a reader might remember again what
// was before.
func (c *keyCountCache) forget(inbox todevice.InboxID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.counts, inbox)
}

func (c *keyCountCache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.counts)
}
