package remote

import (
	"net/http"
	"sync"
)

// maxSound bounds the servers that are remembered as sound.
const maxSound = 10_000

// connections makes requests over connections that are kept open for the next one,
// but only to servers that answered last time. net/http remembers for ever each host
// for which a connection was wanted to be kept, also where it never came about; there
// may be thousands that are down.
type connections struct {
	kept, single *http.Transport

	mu    sync.Mutex
	sound map[string]struct{} // by authority; guarded by mu
}

// newConnections takes the transport for the connections that are kept.
func newConnections(kept *http.Transport) *connections {
	single := kept.Clone()
	single.DisableKeepAlives = true
	return &connections{kept: kept, single: single, sound: make(map[string]struct{})}
}

// RoundTrip implements http.RoundTripper.
func (c *connections) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.transport(request.URL.Host).RoundTrip(request)
	c.note(request.URL.Host, err == nil)
	return response, err
}

// CloseIdleConnections gives up the connections that are kept.
func (c *connections) CloseIdleConnections() { c.kept.CloseIdleConnections() }

func (c *connections) transport(authority string) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.sound[authority]; ok {
		return c.kept
	}
	return c.single
}

// note remembers whether a server has answered.
func (c *connections) note(authority string, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !answered {
		delete(c.sound, authority)
		return
	}
	if len(c.sound) >= maxSound {
		clear(c.sound) // each of them makes one more connection for it
	}
	c.sound[authority] = struct{}{}
}
