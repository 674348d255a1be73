package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sync/errgroup"
)

const (
	gatewayPath = "/arapi/v1?action=wrtm_gateway"
	// offlinePath gives what came before the login: nothing, but every client asks.
	offlinePath = "/arapi/v1/artmgw/getOfflineMsg"
	// loginsAtOnce is how many users are logging in at a time.
	loginsAtOnce = 64
	// answerTimeout is how long a session may wait for an answer.
	answerTimeout = 30 * time.Second
)

// login logs the users in, as the web SDK does: a POST, a WebSocket, a frame and
// another POST. They must be as many as the swarm has clients.
func (s *swarm) login(ctx context.Context, address string, uids []string) error {
	return several(ctx, len(uids), func(ctx context.Context, numbers iter.Seq[int]) error {
		rest, err := dialREST(ctx, address)
		if err != nil {
			return err
		}
		defer rest.close()
		for number := range numbers {
			if err := s.connect(ctx, rest, number, uids[number]); err != nil {
				return fmt.Errorf("log %s in: %w", uids[number], err)
			}
		}
		return nil
	})
}

// join has all join the channel.
func (s *swarm) join(ctx context.Context) error {
	return several(ctx, len(s.clients), func(ctx context.Context, numbers iter.Seq[int]) error {
		for number := range numbers {
			c := s.clients[number].Load()
			if err := c.ask(ctx, joinFrame()); err != nil {
				return fmt.Errorf("have %s join: %w", c.uid, err)
			}
		}
		return nil
	})
}

// several has a few workers share the numbers below n.
func several(ctx context.Context, n int, work func(context.Context, iter.Seq[int]) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for worker := range min(loginsAtOnce, n) {
		group.Go(func() error {
			return work(ctx, func(yield func(int) bool) {
				for number := worker; number < n && yield(number); number += loginsAtOnce {
				}
			})
		})
	}
	return group.Wait()
}

func (s *swarm) connect(ctx context.Context, rest *restConn, number int, uid string) error {
	door, err := askGateway(rest, uid)
	if err != nil {
		return err
	}
	c := &client{number: number, uid: uid, answered: make(chan struct{}, 1)}
	if c.fd, err = dialWebSocket(ctx, door.address); err != nil {
		return err
	}
	if err := s.add(c); err != nil {
		return fmt.Errorf("watch the connection: %w", err)
	}
	if err := c.ask(ctx, loginFrame(uid, door.session)); err != nil {
		return err
	}
	_, err = rest.post(offlinePath, fmt.Appendf(nil, `{"uid":%q,"sessId":%q,"appId":%q}`, uid, door.session, rtmApp))
	return err
}

// ask sends a frame and waits for its answer.
func (c *client) ask(ctx context.Context, frame []byte) error {
	if err := c.write(masked(frame)); err != nil {
		return err
	}
	timer := time.NewTimer(answerTimeout)
	defer timer.Stop()
	select {
	case <-c.answered:
		return nil
	case <-timer.C:
		return fmt.Errorf("no answer to %s within %v", frameCommand(frame), answerTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A door is where a session may be begun.
type door struct{ address, session string }

func askGateway(rest *restConn, uid string) (d door, err error) {
	answer, err := rest.post(gatewayPath, fmt.Appendf(nil, `{"appid":%q,"uid":%q,"token":"","wss":false}`, rtmApp, uid))
	if err != nil {
		return d, err
	}
	var said struct {
		Code      *int
		SessionID string
		Addresses []struct {
			Type int
			Addr string
			Port int
		}
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return d, fmt.Errorf("the gateway's answer %.200q: %w", answer, err)
	}
	if said.Code == nil || *said.Code != 0 {
		return d, fmt.Errorf("the gateway refused: %.200q", answer)
	}
	for _, a := range said.Addresses {
		if a.Type == 0 {
			return door{net.JoinHostPort(a.Addr, strconv.Itoa(a.Port)), said.SessionID}, nil
		}
	}
	return d, fmt.Errorf("the gateway named no address: %.200q", answer)
}

// dialWebSocket gives a connection as a file descriptor that does not block, and that
// Go's own poller knows nothing of.
func dialWebSocket(ctx context.Context, address string) (fd int, err error) {
	conn, early, _, err := ws.Dialer{Timeout: answerTimeout}.Dial(ctx, "ws://"+address+"/")
	if err != nil {
		return -1, fmt.Errorf("open a WebSocket: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if early != nil {
		return -1, errors.New("the server spoke first")
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return -1, fmt.Errorf("a connection is a %T", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take the connection over: %w", err)
	}
	var failed error
	if err := raw.Control(func(own uintptr) { fd, failed = syscall.Dup(int(own)) }); err != nil {
		return -1, fmt.Errorf("take the connection over: %w", err)
	}
	if failed != nil {
		return -1, fmt.Errorf("take the connection over: %w", failed)
	}
	syscall.CloseOnExec(fd)
	return fd, nil
}
