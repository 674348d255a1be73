package ratelimit

import (
	"testing"
	"time"
)

func TestBucketHoldsToItsBurstAndThenToItsRate(t *testing.T) {
	limit, now := Limit{PerSecond: 2, Burst: 3}, time.Unix(1_700_000_000, 0)
	var b Bucket
	for i := range 3 {
		if wait := b.Take(limit, now); wait != 0 {
			t.Errorf("%d of the burst must wait %v", i, wait)
		}
	}
	if wait := b.Take(limit, now); wait != 500*time.Millisecond {
		t.Errorf("after the burst: wait %v", wait)
	}
	if wait := b.Take(limit, now.Add(499*time.Millisecond)); wait != time.Millisecond {
		t.Errorf("just before: wait %v", wait)
	}
	if wait := b.Take(limit, now.Add(500*time.Millisecond)); wait != 0 {
		t.Errorf("then: wait %v", wait)
	}
}
