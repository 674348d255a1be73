package expiring

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpiringForgetsTheOldestWhenFull(t *testing.T) {
	e := New[int](3, time.Minute)
	for i := range 5 {
		e.Put(fmt.Sprint(i), i)
	}
	for i := range 5 {
		if value, ok := e.Get(fmt.Sprint(i)); ok != (i >= 2) || ok && value != i {
			t.Errorf("%d: got %d, %v", i, value, ok)
		}
	}
	if len(e.byID) != 3 || e.order.Len() != 3 {
		t.Errorf("holds %d and %d", len(e.byID), e.order.Len())
	}
}

func TestExpiringForgetsAtTheEndOfTheLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New[int](10, time.Minute)
		e.Put("a", 1)
		time.Sleep(time.Minute - 1)
		e.Put("b", 2)
		if _, ok := e.Get("a"); !ok {
			t.Error("forgotten too early")
		}
		time.Sleep(1 * time.Nanosecond)
		if _, ok := e.Get("a"); ok {
			t.Error("remembered too long")
		}
		if _, ok := e.Get("b"); !ok || e.order.Len() != 1 {
			t.Errorf("b is %v, of %d", ok, e.order.Len())
		}
	})
}

func TestExpiringGivesATakenValueOnce(t *testing.T) {
	e := New[int](10, time.Minute)
	e.Put("a", 1)
	if value, ok := e.Take("a"); !ok || value != 1 {
		t.Errorf("got %d, %v", value, ok)
	}
	if _, ok := e.Take("a"); ok || e.order.Len() != 0 {
		t.Error("taken twice")
	}
}
