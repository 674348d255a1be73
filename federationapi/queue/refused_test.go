package queue_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

var (
	errBadJSON = &remote.Refusal{Status: http.StatusBadRequest, ErrCode: "M_BAD_JSON"}
	errTooLong = &remote.Refusal{Status: http.StatusRequestEntityTooLarge}
)

// A picky server refuses what it is told to, and takes each other transaction once.
type picky struct {
	t       *testing.T
	refuses func(a attempt, edus []int) error // nil: it takes this
	bodies  map[string]string                 // all that was sent, by transaction ID
	took    []int                             // in order
	taken   map[string]bool
}

// street gives a street that leads to the server.
func (p *picky) street() *street {
	p.bodies, p.taken = make(map[string]string), make(map[string]bool)
	return &street{answer: p.answer}
}

func (p *picky) answer(_ context.Context, a attempt, _ int) error {
	if body, again := p.bodies[a.txnID]; again && body != a.body {
		p.t.Errorf("transaction %s was\n%s and is\n%s", a.txnID, body, a.body)
	}
	p.bodies[a.txnID] = a.body
	edus := numbers(p.t, []attempt{a})
	if err := p.refuses(a, edus); err != nil {
		return err
	}
	if !p.taken[a.txnID] {
		p.taken[a.txnID] = true
		p.took = append(p.took, edus...)
	}
	return nil
}

// poison is a refusal of every transaction that holds one of these EDUs.
func poison(bad ...int) func(attempt, []int) error {
	return func(_ attempt, edus []int) error {
		for _, n := range bad {
			if slices.Contains(edus, n) {
				return errBadJSON
			}
		}
		return nil
	}
}

// over is a refusal of every body over a size in bytes.
func over(size int) func(attempt, []int) error {
	return func(a attempt, _ []int) error {
		if len(a.body) > size {
			return errTooLong
		}
		return nil
	}
}

// without gives the numbers up to n but for some.
func without(n int, bad ...int) []int {
	return slices.DeleteFunc(count(1, n), func(i int) bool { return slices.Contains(bad, i) })
}

// buried gives how many dead letters the metric and storage tell of.
func (p *post) buried() (counted, kept int) {
	p.t.Helper()
	letters, err := p.store.DeadLetters(context.Background(), there)
	if err != nil {
		p.t.Fatal(err)
	}
	families, err := p.registry.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "federation_dead_letters_total" {
			counted = int(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return counted, letters.Count
}

func TestOnlyThePoisonIsGivenUp(t *testing.T) {
	for _, bad := range [][]int{{1}, {2}, {50}, {51}, {77}, {100}, {101}, {1, 100}, {33, 34}, {10, 60, 110}} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			inBubble(t, func(t *testing.T, path string) {
				peer := &picky{t: t, refuses: poison(bad...)}
				s := peer.street()
				p := openPost(t, path, s, queue.Config{})
				p.send(there, count(1, 120)...)
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if !slices.Equal(peer.took, without(120, bad...)) {
					t.Errorf("the peer took %v", peer.took)
				}
				if counted, kept := p.buried(); counted != len(bad) || kept != len(bad) {
					t.Errorf("%d dead letters counted and %d kept, want %d", counted, kept, len(bad))
				}
				if waiting, ok := p.destination(); ok {
					t.Errorf("%v still waits", waiting)
				}
				p.stop()
			})
		})
	}
}

func TestTransactionsThatAreTooLongAreHalved(t *testing.T) {
	for _, limit := range []int{6_000, 17_000, 400_000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			inBubble(t, func(t *testing.T, path string) {
				peer := &picky{t: t, refuses: over(limit)}
				s := peer.street()
				p := openPost(t, path, s, queue.Config{})
				p.putLong(there, 5_000, count(1, 130)...)
				began := time.Now()
				p.queue.Wake([]spec.ServerName{there})
				synctest.Wait()
				if !slices.Equal(peer.took, count(1, 130)) || !time.Now().Equal(began) {
					t.Errorf("after %v the peer took %v", time.Since(began), peer.took)
				}
				if counted, kept := p.buried(); counted+kept > 0 {
					t.Errorf("%d dead letters counted and %d kept", counted, kept)
				}
				p.stop()
			})
		})
	}
}

// A refusal may be a passing fault; then nothing is split, and less given up.
func TestARefusalIsNotBelievedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name     string
		edus     int
		refusal  error
		refusals int // until it is believed
	}{
		{"of many EDUs", 10, errBadJSON, 3},
		{"of many EDUs for their size", 10, errTooLong, 1},
		{"of one EDU", 1, errBadJSON, 3},
		{"of one EDU for its size", 1, errTooLong, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, path string) {
				s := &street{answer: func(_ context.Context, a attempt, _ int) error {
					if len(numbers(t, []attempt{a})) == 0 {
						return nil
					}
					return c.refusal
				}}
				p := openPost(t, path, s, queue.Config{})
				p.send(there, count(1, c.edus)...)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				same := 0
				for _, a := range s.seen() {
					if a.txnID == s.seen()[0].txnID {
						same++
					}
				}
				if same != c.refusals {
					t.Errorf("the same transaction was sent %d times, want %d", same, c.refusals)
				}
				p.stop()
			})
		})
	}
}

func TestOtherRefusalsGiveNothingUp(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405, 429, 500, 502, 503} {
		inBubble(t, func(t *testing.T, path string) {
			began := time.Now()
			s := &street{answer: func(_ context.Context, a attempt, _ int) error {
				if a.at.Sub(began) < 48*time.Hour {
					return &remote.Refusal{Status: status}
				}
				return nil
			}}
			p := openPost(t, path, s, queue.Config{})
			p.send(there, 1, 2)
			time.Sleep(50 * time.Hour)
			synctest.Wait()
			got := s.seen()
			if last := got[len(got)-1]; last.body != got[0].body || last.txnID != got[0].txnID {
				t.Errorf("%d: at last sent %s", status, last.body)
			}
			if waiting, ok := p.destination(); ok {
				t.Errorf("%d: %v still waits", status, waiting)
			}
			if counted, kept := p.buried(); counted+kept > 0 {
				t.Errorf("%d: %d dead letters counted and %d kept", status, counted, kept)
			}
			p.stop()
		})
	}
}

// A server that refuses even an empty transaction is broken; no EDU is to blame.
func TestServerThatRefusesAllLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, path string) {
		began := time.Now()
		peer := &picky{t: t, refuses: func(a attempt, _ []int) error {
			if a.at.Sub(began) < 12*time.Hour {
				return errBadJSON
			}
			return nil
		}}
		p := openPost(t, path, peer.street(), queue.Config{})
		p.send(there, count(1, 200)...)
		time.Sleep(14 * time.Hour)
		synctest.Wait()
		if counted, kept := p.buried(); counted+kept > 0 || !slices.Equal(peer.took, count(1, 200)) {
			t.Errorf("%d EDUs given up, and the peer took %v", kept, peer.took)
		}
		p.stop()
	})
}

// mortal is the storage of a process that dies after some steps: nothing is stored
// or read any more.
type mortal struct {
	queue.Store
	steps int
}

var errDead = errors.New("the process is dead")

func (m *mortal) step() error {
	if m.steps == 0 {
		return errDead
	}
	m.steps--
	return nil
}

func (m *mortal) NextTransaction(ctx context.Context, server spec.ServerName, confirmed string, maxEDUs, maxBytes int) (*todevice.Transaction, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	return m.Store.NextTransaction(ctx, server, confirmed, maxEDUs, maxBytes)
}

func (m *mortal) TransactionDone(ctx context.Context, server spec.ServerName, txnID string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.Store.TransactionDone(ctx, server, txnID)
}

func (m *mortal) TransactionRefused(ctx context.Context, server spec.ServerName, txnID string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.Store.TransactionRefused(ctx, server, txnID)
}

func (m *mortal) SplitTransaction(ctx context.Context, server spec.ServerName, txnID string, maxEDUs int) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.Store.SplitTransaction(ctx, server, txnID, maxEDUs)
}

func (m *mortal) GiveUpTransaction(ctx context.Context, server spec.ServerName, txnID, reason string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.Store.GiveUpTransaction(ctx, server, txnID, reason)
}

func (m *mortal) TransactionFailed(ctx context.Context, d todevice.Destination, reason string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.Store.TransactionFailed(ctx, d, reason)
}

func TestRefusalsAreHandledAcrossCrashes(t *testing.T) {
	for name, c := range map[string]struct {
		refuses func(attempt, []int) error
		took    []int
		buried  int
	}{
		"poison":   {poison(77), without(100, 77), 1},
		"too long": {over(20_000), count(1, 100), 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, path string) {
				peer := &picky{t: t, refuses: c.refuses}
				s := peer.street()
				p := openPost(t, path, s, queue.Config{})
				p.putLong(there, 1_000, count(1, 100)...)
				p.stop()
				for life := 0; ; life++ {
					// A transaction takes up to three steps: composed; refused; slept.
					p := openPost(t, path, s, queue.Config{}, func(p *post) queue.Store {
						return &mortal{Store: p.store, steps: life%3 + 1}
					})
					time.Sleep(2 * time.Hour)
					synctest.Wait()
					_, waiting := p.destination()
					_, kept := p.buried()
					p.stop()
					if waiting && life < 1000 {
						continue
					}
					t.Logf("%d lives", life+1)
					if waiting || !slices.Equal(peer.took, c.took) || kept != c.buried {
						t.Errorf("after %d lives the peer took %v, %d dead letters, EDUs waiting: %v", life, peer.took, kept, waiting)
					}
					return
				}
			})
		})
	}
}
