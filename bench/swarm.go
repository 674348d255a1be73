package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

const (
	maxFrame = 128 << 10
	// keepAliveEvery is how often a client says that it is there.
	keepAliveEvery = 10 * time.Second
	// beatEvery is how often the swarm looks who has to say so.
	beatEvery = 10 * time.Millisecond
)

// An audience is told of every message that arrives, in the goroutine of the swarm.
type audience interface {
	heard(c *client, m message, frame []byte)
}

// A swarm is the sessions of very many RTM users. One goroutine reads all connections,
// by epoll and into one buffer: so it costs the cores that it shares with the server
// next to nothing but the system calls.
type swarm struct {
	epoll    int
	begin    time.Time // of the generator's clock
	audience audience
	payloads payloads
	clients  []atomic.Pointer[client] // by number; nil until it is connected
	// The others belong to run.
	buffer    []byte
	out       bytes.Buffer // for the client that is read
	keepAlive []byte
	beaten    time.Duration // when keep-alives were last looked after
	next      int           // the client whose keep-alive is next
	due       float64       // how many are
}

// A client is the session of one user. What it writes goes out at once or not at all:
// a server that does not read is found out.
type client struct {
	number int
	uid    string
	fd     int
	// rest is the beginning of a frame, and loggedIn true from the answer to Login on;
	// they belong to run.
	rest     []byte
	loggedIn bool
	// answered gets a value for each answer to Login and JoinChannel.
	answered chan struct{}
}

func newSwarm(clients int, begin time.Time, size int, a audience) (*swarm, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &swarm{
		epoll:     epoll,
		begin:     begin,
		audience:  a,
		payloads:  newPayloads(size),
		clients:   make([]atomic.Pointer[client], clients),
		buffer:    make([]byte, 2*maxFrame),
		keepAlive: masked(keepAliveFrame()),
	}, nil
}

// close hangs up.
func (s *swarm) close() error {
	err := syscall.Close(s.epoll)
	for i := range s.clients {
		if c := s.clients[i].Load(); c != nil {
			err = errors.Join(err, syscall.Close(c.fd))
		}
	}
	return err
}

// add gives the swarm a connection, in which the server has said nothing yet.
func (s *swarm) add(c *client) error {
	s.clients[c.number].Store(c)
	// The number stands where usually the file descriptor does: it is not looked at.
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.number)}
	return syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_ADD, c.fd, &event)
}

// run reads until ctx ends. Any fault of a session ends it, too.
func (s *swarm) run(ctx context.Context) error {
	events := make([]syscall.EpollEvent, 512)
	for ctx.Err() == nil {
		n, err := syscall.EpollWait(s.epoll, events, int(beatEvery.Milliseconds()))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("wait for messages: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			c := s.clients[event.Fd].Load()
			if err := s.read(c); err != nil {
				return fmt.Errorf("the session of %s: %w", c.uid, err)
			}
		}
		if err := s.beat(time.Since(s.begin)); err != nil {
			return err
		}
	}
	return nil
}

// read takes what there is for a client, frame by frame.
func (s *swarm) read(c *client) error {
	begin := copy(s.buffer, c.rest)
	n, err := syscall.Read(c.fd, s.buffer[begin:])
	switch {
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("the server has hung up")
	}
	rest := s.buffer[:begin+n]
	for {
		var code ws.OpCode
		var frame []byte
		var ok bool
		if code, frame, rest, ok, err = cutFrame(rest); err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := s.take(c, code, frame); err != nil {
			return err
		}
	}
	c.rest = append(c.rest[:0], rest...)
	if s.out.Len() == 0 {
		return nil
	}
	err = c.write(s.out.Bytes())
	s.out.Reset()
	return err
}

func (s *swarm) take(c *client, code ws.OpCode, frame []byte) error {
	switch code {
	case ws.OpText:
	case ws.OpPing:
		s.answer(ws.NewPongFrame(bytes.Clone(frame)))
		return nil
	default:
		return fmt.Errorf("a frame with opcode %d: %.100q", code, frame)
	}
	m, found, err := s.payloads.find(frame)
	if err != nil {
		return err
	}
	if found {
		s.audience.heard(c, m, frame)
		return nil
	}
	return s.obey(c, frame)
}

// answer is sent when all that was read has been looked at.
func (s *swarm) answer(f ws.Frame) { ws.MustWriteFrame(&s.out, ws.MaskFrameInPlace(f)) }

// obey takes a frame without a message.
func (s *swarm) obey(c *client, frame []byte) error {
	switch command := frameCommand(frame); command {
	case "KeepAlive", "MemSizeChanged", "ChanMemberJoin", "ChanMemberLeave":
		return nil
	case "ReqKeepAlive":
		s.answer(ws.NewTextFrame(keepAliveFrame()))
		return nil
	case "Login", "JoinChannel", "SendChannelMsg":
		if err := agreed(frame); err != nil {
			return err
		}
		if command == "SendChannelMsg" {
			return nil
		}
		c.loggedIn = true
		select {
		case c.answered <- struct{}{}:
			return nil
		default:
			return fmt.Errorf("answered twice: %.200q", frame)
		}
	default:
		return fmt.Errorf("unexpected frame: %.200q", frame)
	}
}

// agreed tells whether an answer is a yes.
func agreed(frame []byte) error {
	var answer struct{ Content string }
	var content struct{ Code *int }
	err := json.Unmarshal(frame, &answer)
	if err == nil {
		err = json.Unmarshal([]byte(answer.Content), &content)
	}
	if err != nil || content.Code == nil || *content.Code != 0 {
		return fmt.Errorf("refused: %.200q", frame)
	}
	return nil
}

// beat has the clients say one after the other that they are there, each every
// keepAliveEvery.
func (s *swarm) beat(now time.Duration) error {
	if now-s.beaten < beatEvery {
		return nil
	}
	s.due += float64(len(s.clients)) * float64(now-s.beaten) / float64(keepAliveEvery)
	s.due = min(s.due, float64(len(s.clients)))
	for s.beaten = now; s.due >= 1; s.due-- {
		c := s.clients[s.next].Load()
		s.next = (s.next + 1) % len(s.clients)
		if c == nil || !c.loggedIn {
			continue
		}
		if err := c.write(s.keepAlive); err != nil {
			return fmt.Errorf("the session of %s: %w", c.uid, err)
		}
	}
	return nil
}

// write sends frames. Any goroutine may: the kernel takes each call as a whole.
func (c *client) write(frames []byte) error {
	n, err := syscall.Write(c.fd, frames)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Write(c.fd, frames)
	}
	if err == nil && n < len(frames) {
		err = syscall.EAGAIN
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
