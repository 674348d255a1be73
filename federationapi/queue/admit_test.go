package queue_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
)

// admitted gives how long a request to a server is held up.
func (p *post) admitted() time.Duration {
	began := time.Now()
	p.queue.Admit(context.Background(), []spec.ServerName{there})
	return time.Since(began)
}

func TestSendersWaitWhileMoreComesThanAServerTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: func(context.Context, attempt, int) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		}}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, count(1, 900)...)
		if waited := p.admitted(); waited > 0 {
			t.Errorf("with 900 EDUs waiting a request waited %v", waited)
		}
		p.send(there, count(901, 1400)...)
		if waited := p.admitted(); waited < 400*time.Millisecond || waited > 600*time.Millisecond {
			t.Errorf("for 5 transactions of 100 ms to go a request waited %v", waited)
		}
		p.send(there, count(1401, 5000)...)
		if waited := p.admitted(); waited != time.Second {
			t.Errorf("with 5000 EDUs waiting a request waited %v, and not a second at most", waited)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := numbers(t, s.seen()); !slices.Equal(got, count(1, 5000)) {
			t.Errorf("%d EDUs went out", len(got))
		}
		if waited := p.admitted(); waited > 0 {
			t.Errorf("with nothing waiting a request waited %v", waited)
		}
		p.stop()
	})
}

func TestNobodyWaitsForAServerThatIsNotReached(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: func(context.Context, attempt, int) error {
			time.Sleep(300 * time.Millisecond)
			return errDown
		}}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, count(1, 5000)...)
		if waited := p.admitted(); waited > 300*time.Millisecond {
			t.Errorf("a request waited %v, longer than until the server failed", waited)
		}
		synctest.Wait()
		if waited := p.admitted(); waited > 0 {
			t.Errorf("after the failure a request waited %v", waited)
		}
		p.stop()
	})
}
