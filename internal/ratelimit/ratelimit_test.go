package ratelimit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestBurstIsAllowedAndThenTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](Limit{PerSecond: 10, Burst: 3}, 10)
		take := func(worth int, want time.Duration) {
			t.Helper()
			if wait := l.Take("a", worth, time.Now()); wait != want {
				t.Errorf("told to wait for %v, want %v", wait, want)
			}
		}
		for range 3 {
			take(1, 0)
		}
		take(1, 100*time.Millisecond)
		take(2, 200*time.Millisecond)
		if wait := l.Take("b", 1, time.Now()); wait != 0 {
			t.Errorf("another has to wait for %v", wait)
		}
		time.Sleep(100*time.Millisecond - 1)
		take(1, 1)
		time.Sleep(time.Nanosecond)
		take(1, 0)
		take(1, 100*time.Millisecond)
		l.Return("a", 1)
		take(1, 0)
		time.Sleep(time.Hour) // no more than the burst is saved up
		for range 3 {
			take(1, 0)
		}
		take(1, 100*time.Millisecond)
		time.Sleep(300 * time.Millisecond)
		take(1000, 0) // counts as the burst
		take(1, 100*time.Millisecond)
	})
}

func TestWhoWaitsAsToldIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[int](Limit{PerSecond: 7, Burst: 2}, 10)
		begun := time.Now()
		for range 16 {
			if wait := l.Take(1, 1, time.Now()); wait > 0 {
				time.Sleep(wait)
				if wait := l.Take(1, 1, time.Now()); wait > 0 {
					t.Fatalf("has to wait for %v more", wait)
				}
			}
		}
		if took := time.Since(begun).Round(time.Microsecond); took != 2*time.Second {
			t.Errorf("16 with a burst of 2 at 7 a second took %v", took)
		}
	})
}

func TestKeysAreBoundedAndIdleOnesForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](Limit{PerSecond: 1, Burst: 1}, 100)
		l.Take("busy", 1, time.Now())
		for n := range 1000 {
			l.Take(fmt.Sprint(n), 1, time.Now())
			if len(l.byKey) > 100 || l.used.Len() != len(l.byKey) {
				t.Fatalf("%d keys are remembered, %d listed", len(l.byKey), l.used.Len())
			}
		}
		if l.byKey["999"] == nil || l.byKey["900"] == nil || l.byKey["899"] != nil {
			t.Error("others are remembered than the latest")
		}
		time.Sleep(time.Second)
		l.Take("new", 1, time.Now())
		if len(l.byKey) != 1 {
			t.Errorf("%d idle keys are remembered", len(l.byKey)-1)
		}
	})
}
