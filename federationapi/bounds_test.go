package federationapi

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
)

func TestLinesAreBoundedOverAllOrigins(t *testing.T) {
	ctx := context.Background()
	turns := newTurns()
	origin := func(n int) spec.ServerName { return spec.ServerName(fmt.Sprint(n, ".test")) }
	if err := turns.take(ctx, "big.test", maxBytesInLines); err != nil {
		t.Fatalf("with nobody before it: %v", err)
	}
	var r *refusal
	if _, err := turns.join("big.test", maxBytesInLines+1); !errors.As(err, &r) {
		t.Errorf("more bytes than all may wait with: %v", err)
	}
	waiting := 0
	for n := 0; waiting < maxInLines; n++ {
		if err := turns.take(ctx, origin(n), 1); err != nil {
			t.Fatal(err)
		}
		for range maxInLine {
			if _, err := turns.join(origin(n), 1); err != nil {
				t.Fatalf("%d waiting: %v", waiting, err)
			}
			waiting++
		}
		if _, err := turns.join(origin(n), 1); !errors.As(err, &r) || r.why != tooManyTxns {
			t.Fatalf("one more than the line of an origin takes: %v", err)
		}
	}
	if _, err := turns.join("big.test", 1); !errors.As(err, &r) {
		t.Errorf("one more than all lines take: %v", err)
	}
	if err := turns.take(ctx, "new.test", 1); err != nil {
		t.Errorf("an origin that need not wait: %v", err)
	}
}

func TestWhoGivesUpWaitingLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		if err := turns.take(t.Context(), "a.test", 1); err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		gone, next := make(chan error, 1), make(chan error, 1)
		go func() { gone <- turns.take(ctx, "a.test", 10) }()
		synctest.Wait()
		go func() { next <- turns.take(t.Context(), "a.test", 10) }()
		synctest.Wait()
		giveUp()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		// The turn comes to one who has just given up: it goes on to nobody in particular.
		turns.done("a.test")
		if err := <-next; err != nil {
			t.Fatal(err)
		}
		mine, err := turns.join("a.test", 1)
		if err != nil {
			t.Fatal(err)
		}
		turns.done("a.test")
		<-mine.come
		turns.leave("a.test", mine)
		if len(turns.lines) != 0 || turns.waiting != 0 || turns.bytes != 0 {
			t.Errorf("left: %v, %d waiting with %d bytes", turns.lines, turns.waiting, turns.bytes)
		}
	})
}

func TestStrangersDoNotTakeTheFlightsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		land := make(chan struct{})
		f := newFlights(func(ctx context.Context, _ spec.ServerName, _ gomatrixserverlib.KeyID) error {
			select {
			case <-land:
			case <-ctx.Done():
			}
			return nil
		}, time.Now)
		for p := range purposes {
			for n := range p.limit() {
				if there, err := f.begin(spec.ServerName(fmt.Sprint(p, "-", n, ".test")), "ed25519:1", p); there == nil || err != nil {
					t.Fatalf("purpose %d, flight %d: %v", p, n, err)
				}
			}
			if _, err := f.begin(spec.ServerName(fmt.Sprint(p, ".test")), "ed25519:1", p); !errors.Is(err, errBusy) {
				t.Errorf("purpose %d, one more: %v", p, err)
			}
		}
		if len(f.under) != 64 {
			t.Errorf("%d flights under way, want 64", len(f.under))
		}
		// The requests for one server are bounded, too.
		results := make(chan error, maxInFlight)
		for range maxInFlight {
			go func() { results <- f.await(t.Context(), "0-0.test", "ed25519:1", ofStranger) }()
		}
		synctest.Wait()
		if err := f.await(t.Context(), "0-0.test", "ed25519:1", ofStranger); !errors.Is(err, errBusy) {
			t.Errorf("one request too many: %v", err)
		}
		close(land)
		for range maxInFlight {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if len(f.under) != 0 || f.number != [purposes]int{} {
			t.Errorf("left: %v, %v", f.under, f.number)
		}
		f.close()
	})
}
