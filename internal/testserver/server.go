package testserver

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
)

const (
	startPatience = 60 * time.Second
	// StopPatience is how long a server may take to end once it is told to.
	StopPatience = 30 * time.Second
)

// An Option changes the configuration of a server before a start.
type Option func(*config.Config)

// Named gives the server a name; without it, it is single.test.
func Named(name spec.ServerName) Option {
	return func(c *config.Config) { c.ServerName = name }
}

// A Server is a whole server in a process of its own, with its own data folder.
// Start, Stop, Kill and Restart belong to the test's goroutine; the rest may be
// used from any.
type Server struct {
	t       testing.TB
	config  config.Config
	file    string // where the process reads config
	http    *http.Client
	check   *specCheck
	log     log
	process *process        // nil while the server is down
	users   map[string]bool // local users that [Server.Device] has registered
}

// New starts a server. It ends with the test, which fails if the server had
// faults, and then shows its log.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := prepare(t, options...)
	s.Start()
	return s
}

// prepare makes everything of a server but the process.
func prepare(t testing.TB, options ...Option) *Server {
	t.Helper()
	folder := t.TempDir()
	c := config.Default()
	c.ServerName = "single.test"
	c.DataDir = filepath.Join(folder, "data")
	c.Client.Listen = freeAddress(t)
	c.Federation.Listen = freeAddress(t)
	c.Federation.AllowPrivateAddresses = true
	c.Registration.Open = true
	c.RateLimits.Enabled = false
	c.RTM.Apps = []config.RTMApp{demoApp()}
	for _, change := range options {
		change(&c)
	}
	s := &Server{
		t: t, config: c,
		file:  filepath.Join(folder, "config.json"),
		http:  newHTTPClient(t),
		check: &specCheck{t: t},
		users: make(map[string]bool),
	}
	t.Cleanup(s.end)
	return s
}

// Start starts the server, again on the same data and ports, and returns once it
// answers.
func (s *Server) Start() {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatalf("testserver: %s runs already", s.Name())
	}
	text, err := json.Marshal(s.config)
	if err == nil {
		err = os.WriteFile(s.file, text, 0o600)
	}
	if err == nil {
		s.process, err = start(s.file, filepath.Dir(s.file), &s.log)
	}
	if err != nil {
		s.t.Fatalf("testserver: start %s: %v", s.Name(), err)
	}
	s.awaitAnswer()
}

// awaitAnswer asks until the server answers.
func (s *Server) awaitAnswer() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := s.Client().Do(ctx, Request{Method: http.MethodGet, Path: "/_matrix/client/versions"})
		if err == nil && answer.Status == http.StatusOK {
			return
		}
		select {
		case <-again.C:
		case <-s.process.exited:
			s.t.Fatalf("testserver: %s ended at its start: %v", s.Name(), s.process.err)
		case <-ctx.Done():
			s.t.Fatalf("testserver: %s does not answer after %v: %v", s.Name(), startPatience, err)
		}
	}
}

// Configure changes the configuration for the next start.
func (s *Server) Configure(change Option) { change(&s.config) }

// Kill ends the server with SIGKILL, in the middle of whatever it does.
func (s *Server) Kill() {
	s.t.Helper()
	s.down().kill()
}

// Stop ends the server with SIGTERM. The test fails if it does not end in time
// and with exit code 0.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.down().stop(StopPatience); err != nil {
		s.t.Fatalf("testserver: stop %s: %v", s.Name(), err)
	}
}

// Restart is Stop and Start.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// down gives the process to end, and notes that there is none from now on.
func (s *Server) down() *process {
	s.t.Helper()
	p := s.process
	if p == nil {
		s.t.Fatalf("testserver: %s is down already", s.Name())
	}
	s.process = nil
	if !p.running() {
		s.t.Fatalf("testserver: %s has ended by itself: %v", s.Name(), p.err)
	}
	return p
}

// end stops the server at the end of its test, and says what was wrong with it.
func (s *Server) end() {
	if p := s.process; p != nil {
		if err := p.stop(StopPatience); err != nil {
			s.t.Errorf("testserver: stop %s at the end of the test: %v", s.Name(), err)
		}
	}
	for _, fault := range s.log.faults() {
		s.t.Errorf("testserver: the log of %s has %q", s.Name(), fault)
	}
	if s.t.Failed() {
		s.t.Logf("log of %s:\n%s", s.Name(), s.Log())
	}
}
