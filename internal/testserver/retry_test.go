package testserver_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

func TestRetryAsksAgainExactlyWhereTheSpecificationSaysSo(t *testing.T) {
	limited := &testserver.Error{Status: http.StatusTooManyRequests, RetryAfter: 5 * time.Second}
	for _, test := range []struct {
		name    string
		answers []error // the last one stands for all further ones
		tries   int
		waited  time.Duration // at least
		fails   bool
	}{
		{"answered", []error{nil}, 1, 0, false},
		{"no answer, then one", []error{errors.New("connection reset"), nil}, 2, time.Millisecond, false},
		{"server fault, then none", []error{&testserver.Error{Status: 503}, &testserver.Error{Status: 500}, nil}, 3, time.Millisecond, false},
		{"told to wait", []error{limited, nil}, 2, 5 * time.Second, false},
		{"refused", []error{&testserver.Error{Status: 403}}, 1, 0, true},
		{"refused at last", []error{limited, &testserver.Error{Status: 400}}, 2, 5 * time.Second, true},
		{"down for long", append(make500(100), nil), 101, time.Minute, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, tries := time.Now(), 0
				err := testserver.Retry(t.Context(), time.Minute, func(context.Context) error {
					tries++
					return test.answers[min(tries, len(test.answers))-1]
				})
				if (err != nil) != test.fails || tries != test.tries {
					t.Errorf("%d tries and %v, want %d and an error: %t", tries, err, test.tries, test.fails)
				}
				if waited := time.Since(began); waited < test.waited {
					t.Errorf("it waited %v, want at least %v", waited, test.waited)
				}
			})
		})
	}
}

func make500(n int) []error {
	all := make([]error, n)
	for i := range all {
		all[i] = &testserver.Error{Status: http.StatusInternalServerError}
	}
	return all
}

func TestRetryEndsWithItsContextAndEachAttemptWithItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		attempts := 0
		err := testserver.Retry(ctx, 3*time.Second, func(ctx context.Context) error {
			attempts++
			<-ctx.Done() // a server that never answers
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || attempts < 3 {
			t.Errorf("%d attempts, then %v; want at least 3 and the context's error", attempts, err)
		}
		if ctx.Err() == nil {
			t.Error("it gave up before the context did")
		}
	})
}
