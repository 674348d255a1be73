package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAPacedSenderCountsFromWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := pace{due: begin.Add(5 * time.Second), interval: 10 * time.Second}
		for _, step := range []struct {
			busy time.Duration // how long the message before took
			want time.Duration // from begin
		}{
			{0, 5 * time.Second},
			{3 * time.Second, 15 * time.Second},
			{25 * time.Second, 25 * time.Second}, // it is 40 s: late
			{0, 35 * time.Second},                // still late
			{0, 45 * time.Second},                // caught up
		} {
			time.Sleep(step.busy)
			from, ok := p.wait(nil)
			if got := from.Sub(begin); !ok || got != step.want {
				t.Errorf("after %v of work the next counts from %v (%t), want %v", step.busy, got, ok, step.want)
			}
		}
	})
}

func TestAnUnpacedSenderDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		for range 3 {
			if from, ok := p.wait(nil); !ok || !from.Equal(time.Now()) {
				t.Errorf("the next message counts from %v (%t), want now", from, ok)
			}
		}
	})
}

func TestAStopEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		p := pace{due: begin.Add(time.Hour), interval: time.Hour}
		if _, ok := p.wait(stop); ok || time.Since(begin) != time.Second {
			t.Errorf("the wait went on for %v (%t), want 1s and no message", time.Since(begin), ok)
		}
		if _, ok := new(pace).wait(stop); ok {
			t.Error("a stopped sender without a pace goes on")
		}
	})
}
