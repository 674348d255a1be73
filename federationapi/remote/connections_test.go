package remote_test

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
)

// Only the second request to a server that answers is over a connection that is
// kept, and the first after a failure is over none.
func TestConnectionsAreKeptToServersThatAnswer(t *testing.T) {
	r := remotetest.New(t, there)
	var mu sync.Mutex
	var from []string // the other end of each request's connection; guarded by mu
	r.Change(func(r *remotetest.Server) {
		r.Answer = func(_ http.ResponseWriter, request *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			_, port, _ := net.SplitHostPort(request.RemoteAddr)
			from = append(from, port)
		}
	})
	client := remote.New(remotetest.Reaching(r), here, remotetest.Key("here"))
	t.Cleanup(client.Close)
	for range 6 {
		if err := client.SendTransaction(t.Context(), there, "t", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if connections := len(slices.Compact(slices.Clone(from))); connections != 2 {
		t.Errorf("6 requests were made over %d connections, want 2: %v", connections, from)
	}
}
