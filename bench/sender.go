package main

import (
	"context"
	"strconv"
	"time"
)

// A sender sends numbered messages to one device, one at a time.
type sender struct {
	number  int
	session *session
	codec   codec
	pace    pace
	totals  *totals
	// prefix and suffix stand around the content in a request's body.
	prefix, suffix string
	// accepted counts the messages the server has taken. It is read after run.
	accepted int64
}

func newSender(number int, s *session, to person, codec codec, totals *totals) *sender {
	return &sender{
		number:  number,
		session: s,
		codec:   codec,
		totals:  totals,
		prefix:  `{"messages":{"` + to.id() + `":{"` + deviceID + `":`,
		suffix:  `}}}`,
	}
}

// run sends until stop closes, and finishes the message under way.
func (s *sender) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		from, ok := s.pace.wait(stop)
		if !ok {
			return nil
		}
		if err := s.send(ctx, from); err != nil {
			return err
		}
	}
}

// send sends the next message, as of a time.
func (s *sender) send(ctx context.Context, from time.Time) error {
	m := message{at: from.Sub(s.totals.begin), from: s.number, seq: s.accepted}
	// A new one each time: the transport may look at the last one a little longer.
	body := make([]byte, 0, len(s.prefix)+s.codec.size+len(s.suffix))
	body = append(body, s.prefix...)
	body = s.codec.append(body, m)
	body = append(body, s.suffix...)
	if err := s.session.put(ctx, strconv.FormatInt(m.seq, 10), body); err != nil {
		return err
	}
	s.accepted++
	s.totals.accepted.Add(1)
	return nil
}
