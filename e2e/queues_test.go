package e2e_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// awaitEmptyQueues waits until nothing is left in any outbox: a message can have
// arrived, and its EDU not yet be off the list of what to send.
func awaitEmptyQueues(t *testing.T, servers ...*testserver.Server) {
	t.Helper()
	for _, server := range servers {
		store := openStore(t, server)
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for ctx := within(t, soon); ; {
			waiting, err := store.Destinations(ctx)
			if err != nil {
				t.Fatalf("%s still has EDUs waiting, or cannot say: %v", server.Name(), err)
			}
			if len(waiting) == 0 {
				break
			}
			select {
			case <-again.C:
			case <-ctx.Done():
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// openStore opens a server's database beside the server.
func openStore(t *testing.T, server *testserver.Server) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(server.DataDir(), "chappe.db"), sqlite.Options{ServerName: server.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}
