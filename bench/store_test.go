package main

import (
	"context"
	"path/filepath"
	"testing"
)

func TestStoreAndItsFloorLeaveTheSameMessages(t *testing.T) {
	for name, fill := range map[string]func(*stock, context.Context) (filling, error){
		"Chappe": (*stock).accept,
		"SQLite": (*stock).insert,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newStock(t.Context(), filepath.Join(t.TempDir(), "chappe.db"), 256, 100, 7)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.check(t.Context()); err != nil || got.Lost != 2*700 {
				t.Errorf("of nothing the verdict is %+v (%v), want all of it lost", got, err)
			}
			f, err := fill(s, t.Context())
			if err != nil || f.Rows != 1400 || f.Elapsed <= 0 {
				t.Errorf("%+v (%v), want 1400 rows", f, err)
			}
			if got, err := s.check(t.Context()); err != nil || !got.kept() {
				t.Errorf("the verdict is %+v (%v)", got, err)
			}
			s.each--
			if got, err := s.check(t.Context()); err != nil || got.Misdelivered != 100 {
				t.Errorf("with a message too many of each the verdict is %+v (%v)", got, err)
			}
		})
	}
}
