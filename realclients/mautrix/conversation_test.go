package mautrix_test

import (
	"context"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// Two programs on two servers, each sure of the other's device, talk on while the
// servers stop, are killed and are down, and while one of the programs is started
// anew: every message comes decrypted, once, in order.
func TestVerifiedDevicesTalkThroughRestarts(t *testing.T) {
	servers := testserver.Federated(t, "alpha.test", "beta.test")
	alpha, beta := servers[0], servers[1]
	ledger := testserver.NewLedger()
	alice := newClient(t, alpha, ledger, "alice", "PHONE")
	bob := newClient(t, beta, ledger, "bob", "TABLET")
	alice.start()
	bob.start()
	for _, c := range []*client{alice, bob} {
		c.crossSign()
		c.crossSign() // to replace what is there takes the password
	}
	alice.verify(bob)
	bob.verify(alice)

	// The first message each way makes a session. mautrix's maps of them do not bear
	// it that one is made while another is looked for.
	total := greet(t, ledger, alice, bob) + greet(t, ledger, bob, alice)

	const each = 25
	for _, upset := range []func(){
		func() {},
		alpha.Restart,
		func() { beta.Kill(); beta.Start() },
		func() { alpha.Kill(); beta.Restart(); alpha.Start() },
		func() {
			beta.Stop()
			await(t, ledger, total+each) // nothing holds alice up
			beta.Start()
		},
	} {
		sending := beside(t,
			func(ctx context.Context) error { return alice.send(ctx, each, bob) },
			func(ctx context.Context) error { return bob.send(ctx, each, alice) })
		await(t, ledger, total+each/3)
		upset()
		sending()
		total += 2 * each
	}
	settle(t, ledger)
	bob.close()
	if err := alice.send(within(t), each, bob); err != nil {
		t.Fatal(err)
	}
	bob.open()
	bob.start()
	settle(t, ledger)
	for _, c := range []*client{alice, bob} {
		c.checkNothingWaits()
		c.checkRefusals()
	}
	ledger.Check(t)
}

// greet sends one message, and waits until it has come.
func greet(t *testing.T, ledger *testserver.Ledger, from, to *client) (messages int) {
	t.Helper()
	if err := from.send(within(t), 1, to); err != nil {
		t.Fatal(err)
	}
	settle(t, ledger)
	return 1
}

func await(t *testing.T, ledger *testserver.Ledger, accepted int) {
	t.Helper()
	if err := ledger.AwaitAccepted(within(t), accepted); err != nil {
		t.Fatalf("%v: %v", err, ledger.Report())
	}
}

func settle(t *testing.T, ledger *testserver.Ledger) {
	t.Helper()
	if err := ledger.AwaitNothingMissing(within(t)); err != nil {
		t.Fatalf("%v: %v", err, ledger.Report())
	}
}
