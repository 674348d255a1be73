package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/todevice"
)

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

// A wall is a way to nowhere.
type wall struct{}

func (wall) SendTransaction(context.Context, spec.ServerName, string, json.RawMessage) error {
	return errDown
}

func TestSleepingServerCostsLessThanAKiB(t *testing.T) {
	const sleeping = 10_000
	inBubble(t, func(t *testing.T, path string) {
		p := openPost(t, path, wall{}, queue.Config{})
		var b todevice.Batch
		var servers []spec.ServerName
		for i := range sleeping {
			server := spec.ServerName(fmt.Sprintf("some-server-%d.example.org", i))
			servers = append(servers, server)
			b.EDUs = append(b.EDUs, todevice.EDU{Destination: server, JSON: []byte(`{}`)})
		}
		if _, err := p.store.Accept(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		before, goroutines := heap(), runtime.NumGoroutine()
		p.queue.Wake(servers)
		synctest.Wait()
		each := (int64(heap()) - int64(before)) / sleeping
		t.Logf("%d bytes for each sleeping server", each)
		if each > 1024 || runtime.NumGoroutine() > goroutines+20 {
			t.Errorf("%d bytes for each sleeping server, %d goroutines, %d before", each, runtime.NumGoroutine(), goroutines)
		}
		p.stop()
	})
}

// heap gives the bytes in use, without what may be freed.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held on to
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
