package queue_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/todevice"
)

func TestWakeAtTheLastMomentIsNotLost(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{}
		late := 0
		p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
			return observed{Store: p.store, none: func() {
				if late++; late <= 3 { // the worker has seen that nothing waits, and does not know better yet
					p.put(there, late+1)
					p.queue.Wake([]spec.ServerName{there})
				}
			}}
		})
		p.send(there, 1)
		if got := numbers(t, s.seen()); !slices.Equal(got, []int{1, 2, 3, 4}) {
			t.Errorf("sent %v", got)
		}
	})
}

func TestWakeBeforeRunIsNotLost(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{}
		p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
			return observed{Store: p.store}
		})
		p.stop()
		store := openStore(t, path, here)
		queue := queue.New(queue.Config{Name: here}, lateStore{store, &p.queue}, s, quiet(), nil)
		p.queue = queue
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- queue.Run(ctx) }()
		synctest.Wait()
		if got := numbers(t, s.seen()); !slices.Equal(got, []int{1}) {
			t.Errorf("sent %v", got)
		}
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			t.Error(err)
		}
	})
}

// lateStore gets its first EDU, and wakes the queue, when Run has looked already.
type lateStore struct {
	queue.Store
	queue **queue.Queue
}

func (l lateStore) Destinations(ctx context.Context) ([]todevice.Destination, error) {
	waiting, err := l.Store.Destinations(ctx)
	accept := l.Store.(interface {
		Accept(context.Context, todevice.Batch) (todevice.Accepted, error)
	})
	b := todevice.Batch{EDUs: []todevice.EDU{{Destination: there, JSON: []byte(`{"n":1}`)}}}
	if _, acceptErr := accept.Accept(ctx, b); acceptErr != nil {
		return nil, acceptErr
	}
	(*l.queue).Wake([]spec.ServerName{there})
	return waiting, err
}

func TestPeerHeardOfIsTriedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, errDown)}
		p := openPost(t, path, s, queue.Config{})
		p.queue.PeerAlive(there) // nothing waits
		p.send(there, 1)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		for got := s.seen(); time.Since(got[len(got)-1].at) < time.Second; got = s.seen() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		before := len(s.seen())
		p.queue.PeerAlive("else.test")
		synctest.Wait()
		if got := len(s.seen()); got != before {
			t.Fatalf("another server ended the back-off: %d attempts, want %d", got, before)
		}
		p.queue.PeerAlive(there)
		synctest.Wait()
		if got := len(s.seen()); got != before+1 {
			t.Fatalf("%d attempts, want %d at once", got, before+1)
		}
		time.Sleep(time.Second) // its failures were forgotten, too
		synctest.Wait()
		if got := len(s.seen()); got != before+2 {
			t.Fatalf("%d attempts after a second, want %d", got, before+2)
		}
	})
}

func TestPeerThatTalksButDoesNotListenIsNotHammered(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, errDown)}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		for range 1000 {
			p.queue.PeerAlive(there)
			synctest.Wait()
			time.Sleep(10 * time.Millisecond)
		}
		if got := len(s.seen()); got < 9 || got > 21 {
			t.Errorf("%d attempts in 10 s", got)
		}
	})
}

func TestPeerHeardOfDuringAnAttemptIsTriedSoon(t *testing.T) {
	for name, recording := range map[string]bool{"while it is tried": false, "while its failure is recorded": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, path string) {
				s := &street{}
				var p *post
				heard := func() {
					if len(s.seen()) == 12 {
						p.queue.PeerAlive(there)
					}
				}
				s.answer = func(context.Context, attempt, int) error {
					if !recording {
						heard()
					}
					return errDown
				}
				p = openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
					return observed{Store: p.store, failed: func(todevice.Destination, string) {
						if recording {
							heard()
						}
					}}
				})
				p.send(there, 1)
				for len(s.seen()) < 12 {
					time.Sleep(time.Second)
					synctest.Wait()
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if got := len(s.seen()); got < 13 {
					t.Errorf("no attempt in a second, after %d", got)
				}
			})
		})
	}
}

func TestPeerHeardOfIsTriedAtOnceAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, errDown)}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		for before, _ := p.destination(); time.Until(before.RetryAt) < time.Minute; before, _ = p.destination() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		s.answer = func(ctx context.Context, _ attempt, _ int) error {
			<-ctx.Done() // the attempt that PeerAlive brings about never ends
			return ctx.Err()
		}
		p.queue.PeerAlive(there)
		synctest.Wait()
		if got, ok := p.destination(); !ok || got.Failures != 0 || !got.RetryAt.IsZero() {
			t.Errorf("storage remembers %+v", got)
		}
		p.stop()
		before := len(s.seen())
		p = openPost(t, path, s, queue.Config{})
		if got := len(s.seen()); got != before+1 {
			t.Errorf("%d attempts after the restart, want one at once", got-before)
		}
		p.stop()
	})
}

// A peer sends us far more than it fails us: its requests must neither wait for a
// write nor cost one each.
func TestHearingOfAPeerCostsItsRequestsNoWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, errDown)}
		var forgotten atomic.Int32
		disk := make(chan struct{})
		p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
			return observed{Store: p.store, forget: func() {
				forgotten.Add(1)
				<-disk
			}}
		})
		p.send(there, 1)
		for range 1000 {
			p.queue.PeerAlive(there)
		}
		synctest.Wait()
		if got := forgotten.Load(); got != 1 {
			t.Errorf("%d writes for 1000 requests after one failure", got)
		}
		close(disk)
		p.stop()
	})
}
