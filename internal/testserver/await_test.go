package testserver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestAwaitsReturnAtTheirConditionAndNotBefore(t *testing.T) {
	for _, test := range []struct {
		name  string
		await func(*testserver.Ledger, context.Context) error
		steps []func(*testing.T, *testserver.Ledger, testserver.Message) // the last one ends the wait
	}{
		{
			name:  "two accepted",
			await: func(l *testserver.Ledger, ctx context.Context) error { return l.AwaitAccepted(ctx, 2) },
			steps: []func(*testing.T, *testserver.Ledger, testserver.Message){accept, use, accept},
		},
		{
			name:  "two used",
			await: func(l *testserver.Ledger, ctx context.Context) error { return l.AwaitUsed(ctx, 2) },
			steps: []func(*testing.T, *testserver.Ledger, testserver.Message){use, accept, use},
		},
		{
			name:  "nothing missing",
			await: (*testserver.Ledger).AwaitNothingMissing,
			steps: []func(*testing.T, *testserver.Ledger, testserver.Message){accept, use, useFirst},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := testserver.NewLedger()
				m := ledger.Sending(anna, bert)
				test.steps[0](t, ledger, m)
				waited := make(chan error, 1)
				go func() { waited <- test.await(ledger, t.Context()) }()
				for _, step := range test.steps[1:] {
					synctest.Wait()
					if len(waited) > 0 {
						t.Fatalf("it returned before the last step: %v", <-waited)
					}
					step(t, ledger, ledger.Sending(anna, bert))
				}
				if err := <-waited; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := testserver.NewLedger().AwaitAccepted(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the context", err)
	}
}

func accept(_ *testing.T, l *testserver.Ledger, m testserver.Message) { l.Accepted(m) }

func use(t *testing.T, l *testserver.Ledger, m testserver.Message) {
	l.Used(bert, []testserver.Event{eventOf(t, m)})
}

func useFirst(t *testing.T, l *testserver.Ledger, m testserver.Message) {
	m.Number = 1
	use(t, l, m)
}
