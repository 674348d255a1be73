package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

// hold keeps the writer busy until release is called, so that what is written
// meanwhile waits together.
func hold(s *Store) (release func()) {
	busy, free := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.write(context.Background(), func(*tx) error {
			close(busy)
			<-free
			return nil
		})
	}()
	<-busy
	return func() { close(free) }
}

// together accepts batches at the same time and gives the outcome of each. Before
// the writer goes on, beforehand is called.
func together(t *testing.T, s *Store, batches []todevice.Batch, beforehand func()) []error {
	t.Helper()
	release := hold(s)
	errs := make([]error, len(batches))
	var done sync.WaitGroup
	for i, batch := range batches {
		done.Go(func() { _, errs[i] = s.Accept(context.Background(), batch) })
	}
	for len(s.writes) < len(batches) {
		runtime.Gosched() // until each of them waits
	}
	beforehand()
	release()
	done.Wait()
	return errs
}

func numbered(client todevice.InboxID, n int) todevice.Batch {
	return todevice.Batch{
		Source: todevice.Source{Client: client, Request: fmt.Sprint(n)},
		Sends:  []todevice.Send{to(n, [2]string{"bob", "B"})},
	}
}

func TestWaitingBatchesShareOneCommit(t *testing.T) {
	s, driver := newFaultyStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	var batches []todevice.Batch
	for n := range 50 {
		batches = append(batches, numbered(alice.Inbox, n))
	}
	before := driver.Commits()
	for _, err := range together(t, s, batches, func() {}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	// One for what held the writer, one for all the rest.
	if commits := driver.Commits() - before; commits != 2 {
		t.Errorf("%d commits for 50 waiting batches, want 1 and that of the write before them", commits)
	}
	if got := waiting(t, s, bob); len(got) != 50 {
		t.Errorf("%d messages wait, want 50", len(got))
	}
}

func TestBatchThatFailsFailsAlone(t *testing.T) {
	s, driver := newFaultyStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	gone := register(t, s, "alice", "gone")
	if err := s.DeleteDevice(context.Background(), gone.Inbox); err != nil {
		t.Fatal(err)
	}
	var batches []todevice.Batch
	for n := range 10 {
		client := alice.Inbox
		if n == 4 {
			client = gone.Inbox
		}
		batches = append(batches, numbered(client, n))
	}
	before := driver.Commits()
	for n, err := range together(t, s, batches, func() {}) {
		if (n == 4) != errors.Is(err, todevice.ErrUnknownDevice) || n != 4 && err != nil {
			t.Errorf("batch %d: %v", n, err)
		}
	}
	if commits := driver.Commits() - before; commits != 2 {
		t.Errorf("%d commits: a refusal split the group", commits)
	}
	if got := waiting(t, s, bob); len(got) != 9 {
		t.Errorf("%d messages wait, want 9", len(got))
	}
}

// A disk fault in a group ends the transaction of all; each is then tried alone.
func TestDiskFaultInAGroupCostsNobodyElse(t *testing.T) {
	s, driver := newFaultyStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	for fault := 1; fault <= 12; fault++ {
		var batches []todevice.Batch
		for n := range 3 {
			batches = append(batches, numbered(alice.Inbox, fault*100+n))
		}
		before := len(waiting(t, s, bob))
		errs := together(t, s, batches, func() { driver.FailAt(1 + fault) }) // the first write is the COMMIT of what holds the writer
		driver.FailAt(0)
		for _, err := range errs {
			if err != nil {
				t.Errorf("fault at write %d: %v", fault, err)
			}
		}
		if got := len(waiting(t, s, bob)) - before; got != 3 {
			t.Errorf("fault at write %d: %d messages, want 3", fault, got)
		}
	}
}

func TestFailedCommitIsToldAndLeavesNothing(t *testing.T) {
	s, driver := newFaultyStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	accept(t, s, numbered(alice.Inbox, 0)) // so that all statements are prepared
	writes := driver.Writes()
	accept(t, s, numbered(alice.Inbox, 1))
	perBatch := int(driver.Writes() - writes)
	driver.FailAt(perBatch) // its last write is the COMMIT
	if _, err := s.Accept(context.Background(), numbered(alice.Inbox, 2)); !errors.Is(err, faultdb.ErrFault) {
		t.Fatalf("the commit failed, and Accept said %v", err)
	}
	if accept(t, s, numbered(alice.Inbox, 2)).Repeated || len(waiting(t, s, bob)) != 3 {
		t.Errorf("after the retry %v wait, want 3", waiting(t, s, bob))
	}
}

// A device that reads a message the moment it is committed, and confirms it at
// once, must not be told that its token is from the future.
func TestWhatCanBeReadIsNotOfTheFuture(t *testing.T) {
	s, driver := newFaultyStore(t)
	alice, bob := register(t, s, "alice", "A"), register(t, s, "bob", "B")
	ahead := 0
	driver.Committed = func() {
		events, _, err := s.Pending(context.Background(), bob.Inbox, 0)
		if err != nil || len(events) == 0 || events[len(events)-1].Position > s.Head() {
			ahead++
		}
	}
	for n := range 10 {
		accept(t, s, numbered(alice.Inbox, n))
	}
	if ahead != 0 {
		t.Errorf("after %d of 10 commits a message could be read that was ahead of the head", ahead)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	s := newStore(t)
	alice := register(t, s, "alice", "A")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(context.Background(), numbered(alice.Inbox, 1)); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want errClosed", err)
	}
}
