package queue

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	for _, c := range []struct {
		failures    int
		wish, limit time.Duration
		most        time.Duration
	}{
		{1, 0, time.Hour, time.Second},
		{2, 0, time.Hour, 2 * time.Second},
		{5, 0, time.Hour, 16 * time.Second},
		{13, 0, time.Hour, time.Hour},
		{1_000_000, 0, time.Hour, time.Hour},
		{1, 0, time.Millisecond, time.Millisecond},
	} {
		for range 100 {
			if got := backoff(c.failures, c.wish, c.limit, rand.Float64()); got < c.most/2 || got > c.most {
				t.Fatalf("backoff(%d, %v, %v) = %v, want between %v and %v", c.failures, c.wish, c.limit, got, c.most/2, c.most)
			}
		}
	}
	if got := backoff(1, time.Minute, time.Hour, rand.Float64()); got != time.Minute {
		t.Errorf("the server's wish of 1m gives %v", got)
	}
	if got := backoff(1, 24*time.Hour, time.Hour, rand.Float64()); got != time.Hour {
		t.Errorf("the server's wish of 24h gives %v, want the limit", got)
	}
}

func TestBackoffIsLeftToChance(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 20 {
		seen[backoff(10, 0, time.Hour, rand.Float64())] = true
	}
	if len(seen) < 10 {
		t.Errorf("20 servers come back at %d times", len(seen))
	}
}
