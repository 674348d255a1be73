package main

import (
	"testing"
	"time"
)

func TestBacklogIsCountedInSecondsOfDelivery(t *testing.T) {
	for _, test := range []struct {
		result result
		want   float64
	}{
		{result{elapsed: 2 * time.Second, delivered: 2000, backlog: 500}, 0.5},
		{result{elapsed: 2 * time.Second, delivered: 2000}, 0},
		{result{elapsed: 2 * time.Second, backlog: 50}, 100},
	} {
		if got := test.result.backlogSeconds(); got != test.want {
			t.Errorf("%+v: %v s, want %v", test.result, got, test.want)
		}
	}
}

func TestProcessorTimeIsThatOfTheMeasuredTimeOnEachSide(t *testing.T) {
	before := result{delivered: 10, cpu: cpu{senders: time.Second, receivers: 3 * time.Second}}
	after := result{delivered: 1010, cpu: cpu{senders: 2 * time.Second, receivers: 3500 * time.Millisecond}}
	r := after.minus(before)
	if here, there := r.perMessage(r.cpu.senders), r.perMessage(r.cpu.receivers); here != 1 || there != 0.5 {
		t.Errorf("%v and %v ms for each message, want 1 and 0.5", here, there)
	}
	if twice := r.plus(r); twice.cpu != (cpu{senders: 2 * time.Second, receivers: time.Second}) || twice.delivered != 2000 {
		t.Errorf("two runs are %+v", twice)
	}
}
