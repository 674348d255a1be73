package testserver

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A process is one run of a server.
type process struct {
	cmd *exec.Cmd
	// stdin is the pipe whose end tells the server that the tests are gone.
	stdin  io.Closer
	exited chan struct{} // closed once it is gone and all its output was read
	err    error         // how it ended; to be read after exited
}

// start runs this very program again, as the server of a configuration.
func start(configPath, folder string, output io.Writer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self), exited: make(chan struct{})}
	p.cmd.Dir = folder
	// The race detector waits a second before it lets a process end.
	p.cmd.Env = append(os.Environ(), configEnv+"="+configPath, "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = output, output
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// running tells whether the process has not ended by itself.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill ends the process as a power cut would, as far as a process can tell.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.exited
}

// stop asks the process to end, and gives an error if it does not do so in time
// and with exit code 0.
func (p *process) stop(patience time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.kill()
		return fmt.Errorf("it had ended before it was told to: %w", err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.err
	case <-timer.C:
		// Its goroutines, for the log: they show what it waits for.
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-p.exited:
		case <-time.After(10 * time.Second):
			p.kill()
		}
		return fmt.Errorf("it did not stop within %v", patience)
	}
}
