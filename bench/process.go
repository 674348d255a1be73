package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 20 * time.Second
)

// A process is a server that runs beside the generator.
type process struct {
	name    string // as messages call it
	address string // host:port for clients
	command *exec.Cmd
	// ended is closed when the process is gone; failure is set by then.
	ended   chan struct{}
	failure error
}

// start starts a program and returns when it answers at its address.
func start(ctx context.Context, name, address, program string, args ...string) (*process, error) {
	p, err := launch(name, address, program, args...)
	if err != nil {
		return nil, err
	}
	if err := p.awaitAnswer(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), p.stop())
	}
	return p, nil
}

// launch starts a program that will answer at an address.
func launch(name, address, program string, args ...string) (*process, error) {
	p := &process{name: name, address: address, command: exec.Command(program, args...), ended: make(chan struct{})}
	p.command.Stderr = os.Stderr
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.failure = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) awaitAnswer(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	deadline := time.Now().Add(startTimeout)
	for time.Now().Before(deadline) {
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		default:
		}
		response, err := client.Get("http://" + p.address + "/_matrix/client/versions")
		if err == nil {
			_ = response.Body.Close() // it is the status that counts
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("no answer within %v", startTimeout)
}

// stop asks the process to end, waits for it, and kills it if that takes too long.
func (p *process) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // fails if it has ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.ended
		return fmt.Errorf("stop %s: it had to be killed after %v", p.name, stopTimeout)
	}
	if p.failure != nil {
		return fmt.Errorf("%s ended badly: %w", p.name, p.failure)
	}
	return nil
}

// freeAddress finds a port of loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
