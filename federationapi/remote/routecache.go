package remote

import (
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// maxCachedRoutes bounds the servers whose routes are kept.
const maxCachedRoutes = 10_000

// A routeCache keeps the ways to servers for a while.
type routeCache struct {
	mu      sync.Mutex
	entries map[spec.ServerName]cachedRoutes // guarded by mu
}

type cachedRoutes struct {
	routes  []route
	expires time.Time
}

func newRouteCache() *routeCache {
	return &routeCache{entries: make(map[spec.ServerName]cachedRoutes)}
}

func (c *routeCache) load(server spec.ServerName, now time.Time) ([]route, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[server]
	return entry.routes, ok && now.Before(entry.expires)
}

func (c *routeCache) store(server spec.ServerName, routes []route, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxCachedRoutes {
		for other := range c.entries { // which one goes does not matter
			delete(c.entries, other)
			break
		}
	}
	c.entries[server] = cachedRoutes{routes: routes, expires: expires}
}

func (c *routeCache) drop(server spec.ServerName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, server)
}
