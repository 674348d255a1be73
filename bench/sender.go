package main

import (
	"context"
	"strconv"
	"time"
)

// An outlet is a device's way to send to another device, over one API or the other.
type outlet interface {
	// put sends a message, and returns when the server has taken it.
	put(ctx context.Context, m message) error
}

// A sender sends numbered messages to one device, one at a time.
type sender struct {
	number int
	outlet outlet
	pace   pace
	totals *totals
	// accepted counts the messages the server has taken. It is read after run.
	accepted int64
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
	if err := s.outlet.put(ctx, m); err != nil {
		return err
	}
	s.accepted++
	s.totals.accepted.Add(1)
	return nil
}

// A plainOutlet sends from a device of ours to another, with next to no work of its own.
type plainOutlet struct {
	session *session
	codec   codec
	// prefix and suffix stand around the content in a request's body.
	prefix, suffix string
}

func newPlainOutlet(s *session, to person, codec codec) *plainOutlet {
	return &plainOutlet{
		session: s,
		codec:   codec,
		prefix:  `{"messages":{"` + to.id() + `":{"` + deviceID + `":`,
		suffix:  `}}}`,
	}
}

func (o *plainOutlet) put(ctx context.Context, m message) error {
	// A new one each time: the transport may look at the last one a little longer.
	body := make([]byte, 0, len(o.prefix)+o.codec.size+len(o.suffix))
	body = append(body, o.prefix...)
	body = o.codec.append(body, m)
	body = append(body, o.suffix...)
	return o.session.put(ctx, strconv.FormatInt(m.seq, 10), body)
}
