package queue_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

var errDown = errors.New("connection refused")

// failing answers the first n attempts with an error, all if n is 0.
func failing(n int, err error) func(context.Context, attempt, int) error {
	return func(_ context.Context, _ attempt, nth int) error {
		if n == 0 || nth <= n {
			return err
		}
		return nil
	}
}

func TestOrderIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(2, errDown)}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, count(1, 130)...)
		p.send(there, count(131, 250)...)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := s.seen()
		if want := append(append(count(1, 100), count(1, 100)...), count(1, 250)...); !slices.Equal(numbers(t, got), want) {
			t.Errorf("%d attempts with %v", len(got), numbers(t, got))
		}
		if waiting, ok := p.destination(); ok {
			t.Errorf("%v still waits", waiting)
		}
	})
}

func TestRetryIsTheSameToTheByte(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(3, errDown)}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1, 2)
		p.send(there, 3) // comes too late for the transaction in flight
		time.Sleep(500 * time.Millisecond)
		p.stop()
		p = openPost(t, path, s, queue.Config{}) // also after a restart
		time.Sleep(time.Minute)
		synctest.Wait()
		got := s.seen()
		if len(got) != 5 || !slices.Equal(numbers(t, got), []int{1, 2, 1, 2, 1, 2, 1, 2, 3}) {
			t.Fatalf("%d attempts with %v", len(got), numbers(t, got))
		}
		for _, again := range got[1:4] {
			if again.body != got[0].body || again.txnID != got[0].txnID {
				t.Errorf("first %s %s, then %s %s", got[0].txnID, got[0].body, again.txnID, again.body)
			}
		}
		if got[4].txnID == got[0].txnID {
			t.Error("two transactions have one ID")
		}
		p.stop()
	})
}

func TestQueueResumesAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(5, errDown)}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		for len(s.seen()) < 5 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		before, ok := p.destination()
		if !ok || before.Failures != 5 || time.Until(before.RetryAt) < 7*time.Second {
			t.Fatalf("storage remembers %+v", before)
		}
		p.stop()
		p = openPost(t, path, s, queue.Config{})
		p.queue.Wake([]spec.ServerName{there}) // does not end the back-off
		time.Sleep(time.Until(before.RetryAt) - time.Millisecond)
		synctest.Wait()
		if got := len(s.seen()); got != 5 {
			t.Fatalf("%d attempts before the back-off was over", got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := s.seen(); len(got) != 6 {
			t.Fatalf("%d attempts after it", len(got))
		}
		if waiting, ok := p.destination(); ok {
			t.Errorf("%v still waits", waiting)
		}
		p.stop()
	})
}

func TestBackoffGrowsAndASuccessEndsIt(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		const failures = 20
		s := &street{answer: failing(failures, errDown)}
		p := openPost(t, path, s, queue.Config{MaxBackoff: 10 * time.Minute})
		p.send(there, 1)
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		got := s.seen()
		if len(got) != failures+1 {
			t.Fatalf("%d attempts, want %d", len(got), failures+1)
		}
		for i := 1; i < len(got); i++ {
			most := min(time.Second<<(i-1), 10*time.Minute)
			if gap := got[i].at.Sub(got[i-1].at); gap < most/2 || gap > most {
				t.Errorf("after failure %d: %v, want between %v and %v", i, gap, most/2, most)
			}
		}
		s.answer = failing(failures+2, errDown) // the next attempt fails again, for the first time
		p.send(there, 2)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(s.seen()); got != failures+3 {
			t.Errorf("%d attempts, want %d: the success has not ended the back-off", got, failures+3)
		}
	})
}

func TestServerMayAskForTime(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(1, fmt.Errorf("send: %w", &remote.Refusal{Status: 429, RetryAfter: 5 * time.Minute}))}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		got := s.seen()
		if len(got) != 2 || got[1].at.Sub(got[0].at) != 5*time.Minute {
			t.Errorf("attempts %v", got)
		}
	})
}

func TestFailureIsRememberedInWords(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, &remote.Refusal{Status: 403, ErrCode: "M_FORBIDDEN"})}
		var reasons []string
		p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
			return observed{Store: p.store, failed: func(d todevice.Destination, reason string) { reasons = append(reasons, reason) }}
		})
		p.send(there, 1)
		p.stop()
		if !slices.Equal(reasons, []string{"HTTP 403 M_FORBIDDEN"}) {
			t.Errorf("got %q", reasons)
		}
	})
}

// observed is a store that a test looks into.
type observed struct {
	queue.Store
	failed func(todevice.Destination, string)
	next   func() error
	none   func()
}

func (o observed) NextTransaction(ctx context.Context, server spec.ServerName, maxEDUs, maxBytes int) (*todevice.Transaction, error) {
	if o.next != nil {
		if err := o.next(); err != nil {
			return nil, err
		}
	}
	txn, err := o.Store.NextTransaction(ctx, server, maxEDUs, maxBytes)
	if txn == nil && err == nil && o.none != nil {
		o.none()
	}
	return txn, err
}

func (o observed) TransactionFailed(ctx context.Context, d todevice.Destination, reason string) error {
	if o.failed != nil {
		o.failed(d, reason)
	}
	return o.Store.TransactionFailed(ctx, d, reason)
}

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

func TestDeadServersDelayNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: func(ctx context.Context, a attempt, _ int) error {
			if a.server == there {
				return nil
			}
			select { // silent
			case <-time.After(time.Minute):
				return errDown
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		p := openPost(t, path, s, queue.Config{Workers: 8})
		for i := range 5 {
			p.send(spec.ServerName(fmt.Sprintf("dead%d.test", i)), 1)
		}
		deliveredAtOnce := func(n int) {
			t.Helper()
			began := time.Now()
			p.send(there, n)
			got := s.seen()
			if last := got[len(got)-1]; last.server != there || !last.at.Equal(began) || !slices.Equal(numbers(t, got[len(got)-1:]), []int{n}) {
				t.Errorf("message %d was not sent at once", n)
			}
		}
		deliveredAtOnce(1) // while five connections hang
		for i := range 40 {
			p.send(spec.ServerName(fmt.Sprintf("silent%d.test", i)), 1)
		}
		time.Sleep(30 * time.Minute) // now all are known to fail
		for n := range 50 {
			time.Sleep(7 * time.Second)
			deliveredAtOnce(n + 2)
		}
		p.stop()
	})
}

func TestWorkersAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		var now, most atomic.Int32
		s := &street{answer: func(_ context.Context, _ attempt, nth int) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Second)
			return nil
		}}
		p := openPost(t, path, s, queue.Config{Workers: 8})
		for i := range 50 {
			p.put(spec.ServerName(fmt.Sprintf("s%d.test", i)), 1)
		}
		for i := range 50 {
			p.queue.Wake([]spec.ServerName{spec.ServerName(fmt.Sprintf("s%d.test", i))})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(s.seen()); got != 50 || most.Load() > 8 {
			t.Errorf("%d transactions, %d at once; want 50, at most 8", got, most.Load())
		}
	})
}

func TestBusyServersTakeTurns(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: func(context.Context, attempt, int) error {
			time.Sleep(time.Second)
			return nil
		}}
		p := openPost(t, path, s, queue.Config{Workers: 1})
		p.put("busy.test", count(1, 500)...)
		p.put(there, 1)
		p.queue.Wake([]spec.ServerName{"busy.test", there})
		time.Sleep(time.Minute)
		synctest.Wait()
		got := s.seen()
		if len(got) != 6 || got[1].server != there {
			t.Errorf("attempts %v", got)
		}
	})
}

func TestSleepingServersCostNoGoroutine(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, errDown)}
		p := openPost(t, path, s, queue.Config{})
		before := runtime.NumGoroutine()
		for i := range 300 {
			p.send(spec.ServerName(fmt.Sprintf("s%d.test", i)), 1)
		}
		if got := runtime.NumGoroutine(); got > before+20 || len(s.seen()) < 300 {
			t.Errorf("%d goroutines after %d attempts, %d before", got, len(s.seen()), before)
		}
	})
}

func TestStoppingIsNoFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: func(ctx context.Context, _ attempt, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		p.stop()
		s.answer = nil
		p = openPost(t, path, s, queue.Config{})
		if got := s.seen(); len(got) != 2 || got[0].body != got[1].body {
			t.Errorf("attempts %v, want the same at once after the restart", got)
		}
		p.stop()
	})
}

func TestConfirmationIsRecordedThoughTheQueueStops(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		var p *post
		s := &street{answer: func(ctx context.Context, _ attempt, _ int) error {
			<-ctx.Done() // stopped, but the answer is there
			return nil
		}}
		p = openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		p.stop()
		s.answer = nil
		p = openPost(t, path, s, queue.Config{})
		if got := s.seen(); len(got) != 1 {
			t.Errorf("%d attempts, want 1", len(got))
		}
		p.stop()
	})
}

func TestStorageFaultIsWaitedOut(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{}
		var tries, failed atomic.Int32
		p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
			return observed{
				Store:  p.store,
				failed: func(todevice.Destination, string) { failed.Add(1) },
				next: func() error {
					if tries.Add(1) <= 3 {
						return errors.New("disk on fire")
					}
					return nil
				},
			}
		})
		p.send(there, 1)
		if got := tries.Load(); got != 1 {
			t.Fatalf("%d tries at once", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := numbers(t, s.seen()); !slices.Equal(got, []int{1}) || failed.Load() != 0 {
			t.Errorf("sent %v, %d failures of the server remembered", got, failed.Load())
		}
	})
}
