package remote

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

var errDown = errors.New("connection refused")

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	for _, c := range []struct {
		failures int
		limit    time.Duration
		most     time.Duration
	}{
		{1, time.Hour, time.Second},
		{2, time.Hour, 2 * time.Second},
		{5, time.Hour, 16 * time.Second},
		{13, time.Hour, time.Hour},
		{1_000_000, time.Hour, time.Hour},
		{1, time.Millisecond, time.Millisecond},
	} {
		for range 100 {
			if got := Backoff(c.failures, errDown, c.limit, rand.Float64()); got < c.most/2 || got > c.most {
				t.Fatalf("after %d failures, limit %v: %v, want between %v and %v", c.failures, c.limit, got, c.most/2, c.most)
			}
		}
	}
	if got := Backoff(1, &Refusal{Status: 429, RetryAfter: time.Minute}, time.Hour, rand.Float64()); got != time.Minute {
		t.Errorf("the server's wish of 1m gives %v", got)
	}
	if got := Backoff(1, &Refusal{Status: 429, RetryAfter: 24 * time.Hour}, time.Hour, rand.Float64()); got != time.Hour {
		t.Errorf("the server's wish of 24h gives %v, want the limit", got)
	}
}

func TestBackoffIsLeftToChance(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 20 {
		seen[Backoff(10, errDown, time.Hour, rand.Float64())] = true
	}
	if len(seen) < 10 {
		t.Errorf("20 servers come back at %d times", len(seen))
	}
}
