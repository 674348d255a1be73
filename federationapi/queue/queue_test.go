package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/todevice"
)

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

func TestTransactionIsSentAsItIsSigned(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{}
		p := openPost(t, path, s, queue.Config{})
		_, err := p.store.Accept(context.Background(), todevice.Batch{EDUs: []todevice.EDU{
			{Destination: there, JSON: []byte(`{"n": 1, "content": {"b": "<\u00e9&\/\"", "a": 1.50}}`)},
			{Destination: there, JSON: []byte(`{"content":{"a\"":[]},"n":2}`)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		p.queue.Wake([]spec.ServerName{there, there})
		synctest.Wait()
		want := fmt.Sprintf(`{"edus":[{"content":{"a":1.50,"b":"<é&/\""},"n":1},{"content":{"a\"":[]},"n":2}],`+
			`"origin":"here.test","origin_server_ts":%d,"pdus":[]}`, time.Now().UnixMilli())
		got := s.seen()
		if len(got) != 1 || got[0].body != want {
			t.Fatalf("sent %v\nwant %s", got, want)
		}
		if canonical, err := canonicaljson.Encode([]byte(got[0].body)); err != nil || string(canonical) != want {
			t.Errorf("its canonical form is %s, %v", canonical, err)
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

func TestServerThatIsHeardOfIsSentNoMoreThanItTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{answer: failing(0, &remote.Refusal{Status: 429, RetryAfter: 5 * time.Minute})}
		p := openPost(t, path, s, queue.Config{})
		p.send(there, 1)
		for range 240 {
			p.queue.PeerAlive(there)
			time.Sleep(time.Second)
		}
		if got := len(s.seen()); got > 1 {
			t.Errorf("%d attempts in 4 minutes, though asked to wait for 5", got)
		}
		p.stop()
	})
}

func TestFaultOfOurDiskIsNotHeldAgainstTheServer(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		s := &street{}
		var broken atomic.Bool
		broken.Store(true)
		p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
			return observed{Store: p.store, next: func() error {
				if broken.Load() {
					return errors.New("disk I/O error")
				}
				return nil
			}}
		})
		p.send(there, 1)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		broken.Store(false)
		mended := time.Now()
		for len(s.seen()) == 0 {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if late := s.seen()[0].at.Sub(mended); late > time.Minute {
			t.Errorf("the disk is well again; the server, which never failed, is sent to %v later", late)
		}
		p.stop()
	})
}
