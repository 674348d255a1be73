package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// A spread is messages of many senders, each to one of very many devices, drawn at
// random. The devices do not sync while they are sent.
type spread struct {
	populace   populace
	recipients []int // numbers of users
	senders    []*spreader
}

// A spreader is one sender of a spread. It belongs to one worker at a time.
type spreader struct {
	random  *rand.Rand
	session *session
	txn     int           // of the last request
	sent    map[int]int64 // by recipient
}

func newSpread(p populace, recipients []int, senders int) *spread {
	s := &spread{populace: p, recipients: recipients}
	for i := range senders {
		s.senders = append(s.senders, &spreader{random: rand.New(rand.NewPCG(3, uint64(i))), sent: make(map[int]int64)})
	}
	return s
}

// run sends for a while, as fast as there are answers.
func (s *spread) run(ctx context.Context, b *bench, p *process) (tally, error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	for i, sender := range b.spreaders() {
		s.senders[i].session = newSession(transport, p.address, sender)
	}
	return b.workFor(ctx, p, len(s.senders), spreadFor, func(ctx context.Context, worker, _ int) (int, error) {
		return 1, s.send(ctx, worker)
	})
}

func (s *spread) send(ctx context.Context, worker int) error {
	from := s.senders[worker]
	to := s.recipients[from.random.IntN(len(s.recipients))]
	content := s.populace.codec.append(nil, message{from: worker, seq: from.sent[to]})
	body := fmt.Appendf(nil, `{"messages":{%q:{%q:%s}}}`, s.populace.person(to).id(), deviceID, content)
	from.txn++
	if err := from.session.put(ctx, "spread-"+strconv.Itoa(from.txn), body); err != nil {
		return err
	}
	from.sent[to]++
	return nil
}

// close has all recipients take what waits for them, and tells what was wrong with it.
func (s *spread) close(ctx context.Context, p *process) (sum verdict, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(len(s.senders))
	verdicts := make([]verdict, len(s.recipients))
	for i, number := range s.recipients {
		group.Go(func() (err error) {
			verdicts[i], err = s.drain(ctx, transport, p, number)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return sum, err
	}
	for _, v := range verdicts {
		sum = sum.plus(v)
	}
	return sum, nil
}

func (s *spread) drain(ctx context.Context, transport *http.Transport, p *process, number int) (verdict, error) {
	accepted := map[int]int64{loadedFrom: int64(s.populace.waiting(number))}
	senders := []int{loadedFrom}
	for i, from := range s.senders {
		if from.sent[number] > 0 {
			senders, accepted[i] = append(senders, i), from.sent[number]
		}
	}
	r := s.populace.receiver(transport, p, number, senders...)
	if err := r.finish(ctx); err != nil {
		return verdict{}, err
	}
	return r.ledger.close(func(sender int) int64 { return accepted[sender] }), nil
}

// receiver receives for one of the users, from these senders.
func (p populace) receiver(transport *http.Transport, at *process, number int, senders ...int) *receiver {
	return &receiver{
		inlet:  &plainInlet{session: newSession(transport, at.address, p.person(number)), codec: p.codec},
		ledger: newLedger(senders...),
		totals: &totals{begin: time.Now()},
	}
}
