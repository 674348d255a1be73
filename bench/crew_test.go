package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ownProcess is this very process, whose processor time can be read.
func ownProcess(t *testing.T, address string) *process {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return &process{name: "the test", address: address, command: &exec.Cmd{Process: self}}
}

func quiet() *bench {
	return &bench{options: options{senders: 4, measured: 10 * time.Second, warmup: 2500 * time.Millisecond}, say: func(string, ...any) {}}
}

func TestEveryRequestIsMadeOnce(t *testing.T) {
	const requests = 1000
	var made [requests]atomic.Int64
	got, err := workOff(t.Context(), ownProcess(t, ""), 8, requests, func(_ context.Context, worker, number int) (int, error) {
		made[number].Add(1)
		return 3, nil
	})
	if err != nil || got.requests != requests || got.units != 3*requests || len(got.latencies) != requests {
		t.Errorf("%d requests, %d units and %d latencies (%v), want %d, three times as many, and as many",
			got.requests, got.units, len(got.latencies), err, requests)
	}
	for number := range made {
		if n := made[number].Load(); n != 1 {
			t.Errorf("request %d is made %d times", number, n)
		}
	}
}

func TestOnlyWhatIsMeasuredIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := quiet()
		got, err := b.workFor(t.Context(), ownProcess(t, ""), 2, b.measured, func(context.Context, int, int) (int, error) {
			time.Sleep(time.Second)
			return 5, nil
		})
		if err != nil || got.requests != 20 || got.units != 100 || got.elapsed != 10*time.Second {
			t.Errorf("%d requests and %d units in %v (%v), want 20 and 100 in 10s", got.requests, got.units, got.elapsed, err)
		}
		if len(got.latencies) != 20 || got.latency(1) != 1000 || got.latency(100) != 1000 {
			t.Errorf("the latencies are %v, want 20 of 1s", got.latencies)
		}
		if got.requestsPerSecond() != 2 || got.unitsPerSecond() != 10 {
			t.Errorf("%v requests and %v units a second, want 2 and 10", got.requestsPerSecond(), got.unitsPerSecond())
		}
	})
}

func TestAFailureEndsTheWorkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		begin, b := time.Now(), quiet()
		do := func(ctx context.Context, worker, number int) (int, error) {
			if worker == 1 {
				return 0, broken
			}
			return 0, pause(ctx, time.Second)
		}
		if _, err := b.workFor(t.Context(), ownProcess(t, ""), 2, b.measured, do); !errors.Is(err, broken) {
			t.Errorf("working for a while gives %v, want the failure", err)
		}
		if _, err := workOff(t.Context(), ownProcess(t, ""), 2, 100, do); !errors.Is(err, broken) {
			t.Errorf("working off gives %v, want the failure", err)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("the failures were noticed after %v, want at once", waited)
		}
	})
}
