package queue_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
)

func TestServersHearThatThisOneIsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		var atOnce, most atomic.Int32
		s := &street{answer: func(ctx context.Context, a attempt, _ int) error {
			most.Store(max(most.Load(), atOnce.Add(1)))
			defer atOnce.Add(-1)
			if a.server == there || a.server == "s7.test" {
				<-ctx.Done() // says nothing
				return ctx.Err()
			}
			time.Sleep(time.Second)
			return nil
		}}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1) // and so hears of us already
		servers := []spec.ServerName{there}
		for i := range 100 {
			servers = append(servers, spec.ServerName(fmt.Sprintf("s%d.test", i)))
		}
		began := time.Now()
		p.queue.Announce(t.Context(), servers)
		if took := time.Since(began); took > 40*time.Second {
			t.Errorf("one silent server held all up: it took %v", took)
		}
		var told []spec.ServerName
		for _, a := range s.seen()[1:] {
			if got := numbers(t, []attempt{a}); len(got) > 0 {
				t.Errorf("%s was sent %v", a.server, got)
			}
			told = append(told, a.server)
		}
		if slices.Sort(told); !slices.Equal(told, slices.Sorted(slices.Values(servers[1:]))) {
			t.Errorf("told were %v", told)
		}
		if most.Load() > 9 { // with the one that hears by what waits for it
			t.Errorf("%d servers were told at once", most.Load())
		}
		p.stop()
	})
}
