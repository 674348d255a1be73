package e2e_test

import (
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// The most there can be of everything at once, and nothing wrong: what goes missing
// here does not need a crash.
func TestLoadWithoutFaults(t *testing.T) {
	const perSender = 200
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	load := newLoad(t, servers)
	ctx := within(t, 5*time.Minute)
	receiving := load.receive(ctx)
	if err := together(len(load.senders), func(i int) error { return load.senders[i].Send(ctx, perSender) })(); err != nil {
		t.Fatal(err)
	}
	if err := load.ledger.AwaitNothingMissing(ctx); err != nil {
		t.Errorf("not everything arrived: %v", err)
	}
	if err := receiving(); err != nil {
		t.Error(err)
	}
	load.ledger.Check(t)
}
