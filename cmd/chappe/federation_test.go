package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/selfsigned"
	"github.com/chappe-im/chappe/server"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// The servers of the tests. The commands are for the first.
const (
	here  = spec.ServerName("here.test")
	good  = spec.ServerName("good.test")  // takes everything
	deny  = spec.ServerName("deny.test")  // has here on its deny list
	blind = spec.ServerName("blind.test") // cannot reach here
	down  = spec.ServerName("down.test")  // is down, until it is started
)

// A rig is a configuration of here, and those of the others.
type rig struct {
	t       *testing.T
	file    string // the configuration of here
	configs map[spec.ServerName]config.Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	folder, err := os.MkdirTemp("", "chappe") // t.TempDir may be too long for the control socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	r := &rig{t: t, file: filepath.Join(folder, "config.yaml"), configs: map[spec.ServerName]config.Config{}}
	roots, hosts := filepath.Join(folder, "roots.pem"), map[spec.ServerName]string{}
	var pems []byte
	for _, name := range []spec.ServerName{here, good, deny, blind, down} {
		hosts[name] = freeAddress(t)
		cfg := config.Default()
		cfg.ServerName, cfg.DataDir = name, filepath.Join(folder, string(name))
		cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", hosts[name]
		cfg.Federation.Hosts, cfg.Federation.CAFile = hosts, roots
		cfg.Federation.TLSCert, cfg.Federation.TLSKey = cfg.DataDir+".crt", cfg.DataDir+".key"
		if err := selfsigned.Ensure(cfg.Federation.TLSCert, cfg.Federation.TLSKey, name); err != nil {
			t.Fatal(err)
		}
		certificate, err := os.ReadFile(cfg.Federation.TLSCert)
		if err != nil {
			t.Fatal(err)
		}
		pems = append(pems, certificate...)
		switch name {
		case deny:
			cfg.Federation.DenyServers = []string{string(here)}
		case blind:
			cfg.Federation.Hosts = map[spec.ServerName]string{here: freeAddress(t)}
		}
		r.configs[name] = cfg
	}
	r.write(roots, pems)
	r.write(r.file, r.yaml())
	return r
}

// freeAddress gives an address at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (r *rig) write(path string, content []byte) {
	r.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// yaml writes the configuration of here.
func (r *rig) yaml() []byte {
	cfg := r.configs[here]
	var out bytes.Buffer
	fmt.Fprintf(&out, "server_name: %s\ndata_dir: %q\nclient: {listen: %q}\n", cfg.ServerName, cfg.DataDir, cfg.Client.Listen)
	fmt.Fprintf(&out, "federation:\n  listen: %q\n  ca_file: %q\n  tls_cert: %q\n  tls_key: %q\n  hosts:\n",
		cfg.Federation.Listen, cfg.Federation.CAFile, cfg.Federation.TLSCert, cfg.Federation.TLSKey)
	for name, address := range cfg.Federation.Hosts {
		fmt.Fprintf(&out, "    %s: %q\n", name, address)
	}
	return out.Bytes()
}

// start starts a server that ends with the test, or when it is stopped.
func (r *rig) start(name spec.ServerName) (stop func()) {
	r.t.Helper()
	log, _ := test.NewNullLogger()
	s, err := server.New(r.configs[name], logrus.NewEntry(log))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("%s ended with: %v", name, err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// store opens the database of here, while no server runs on it.
func (r *rig) store(do func(*sqlite.Store) error) {
	r.t.Helper()
	cfg := r.configs[here]
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	store, err := sqlite.Open(filepath.Join(cfg.DataDir, "chappe.db"), sqlite.Options{ServerName: here})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := do(store); err != nil {
		r.t.Error(err)
	}
	if err := store.Close(); err != nil {
		r.t.Error(err)
	}
}

// queue has EDUs wait for a server that has failed often, and is to be left alone
// for long.
func (r *rig) queue(name spec.ServerName, edus int) {
	r.t.Helper()
	r.store(func(store *sqlite.Store) error {
		var batch todevice.Batch
		for i := range edus {
			edu := fmt.Sprintf(`{"content":{"message_id":"%d","messages":{},"sender":"@a:here.test","type":"t"},"edu_type":"m.direct_to_device"}`, i)
			batch.EDUs = append(batch.EDUs, todevice.EDU{Destination: name, JSON: []byte(edu)})
		}
		if _, err := store.Accept(context.Background(), batch); err != nil {
			return err
		}
		failure := todevice.Destination{Server: name, Failures: 9, RetryAt: time.Now().Add(50 * time.Minute)}
		return store.TransactionFailed(context.Background(), failure, "dial tcp 192.0.2.1:8448: connect: connection refused")
	})
}

// run runs a command line for here, as main does.
func (r *rig) run(args ...string) (out string, err error) {
	r.t.Helper()
	var printed bytes.Buffer
	parser, err := kong.New(&commands{}, kong.Vars{"version": ""}, kong.BindTo(&printed, (*io.Writer)(nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	parsed, err := parser.Parse(append(args, "--config", r.file))
	if err != nil {
		r.t.Fatal(err)
	}
	err = parsed.Run()
	return printed.String(), err
}

// says runs a command line and looks for words in what it prints.
func (r *rig) says(args []string, good bool, words ...string) {
	r.t.Helper()
	out, err := r.run(args...)
	if (err == nil) != good {
		r.t.Errorf("%v: %v", args, err)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			r.t.Errorf("%v: %q is not in\n%s", args, word, out)
		}
	}
}

// lastLine gives the verdict of a probe.
func lastLine(out string) string {
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestStatusShowsWhatWaitsAndWhy(t *testing.T) {
	r := newRig(t)
	if _, err := r.run("federation", "status"); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("without a database: %v", err)
	}
	r.store(func(*sqlite.Store) error { return nil })
	r.says([]string{"federation", "status"}, true, "Nothing waits")
	r.says([]string{"federation", "status", "good.test"}, true, "Nothing waits for good.test")
	r.queue(down, 3)
	check := func() {
		t.Helper()
		r.says([]string{"federation", "status"}, true, "SERVER", "down.test  3        0s", "in 49m", "nothing listens at the port")
		r.says([]string{"federation", "status", "down.test"}, true, "waiting       3", "9 times", "in 49m", "192.0.2.1:8448", "nothing listens")
		out, err := r.run("federation", "status", "--json")
		var list []backlogJSON
		if err != nil || json.Unmarshal([]byte(out), &list) != nil || len(list) != 1 || list[0].Server != down ||
			list[0].Waiting != 3 || list[0].Failures != 9 || list[0].Side != "them" || time.Since(list[0].Oldest) > time.Minute {
			t.Errorf("%v\n%s", err, out)
		}
	}
	check()
	r.start(here)
	check() // beside the running server
}

func TestSecondServeEndsAtOnceAndSaysWhy(t *testing.T) {
	r := newRig(t)
	r.start(here)
	if _, err := r.run("serve"); err == nil || !strings.Contains(err.Error(), "another chappe server") {
		t.Errorf("got %v", err)
	}
}

func TestRetryReachesTheRunningServer(t *testing.T) {
	r := newRig(t)
	r.queue(down, 3)
	r.start(here)
	r.start(down)
	r.says([]string{"federation", "status"}, true, "down.test")
	r.says([]string{"federation", "retry", "down.test"}, true, "was told to try down.test now")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		out, err := r.run("federation", "status")
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(out, "Nothing waits") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("what waits does not go out:\n%s", out)
		}
	}
}

func TestRetryWithoutAServerClearsWhatIsStored(t *testing.T) {
	r := newRig(t)
	if _, err := r.run("federation", "retry", "down.test"); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("without a database: %v", err)
	}
	r.queue(down, 3)
	r.says([]string{"federation", "retry", "down.test"}, true, "No server answers", "are removed")
	r.says([]string{"federation", "status", "down.test"}, true, "waiting       3", "0 times", "next try      now")
	r.says([]string{"federation", "retry", "no name"}, false)
}

func TestProbeTellsThemFromUs(t *testing.T) {
	r := newRig(t)
	r.start(here)
	for _, name := range []spec.ServerName{good, deny, blind} {
		r.start(name)
	}
	for _, c := range []struct {
		server  spec.ServerName
		good    bool
		words   string
		verdict string
	}{
		{good, true, "a signed request", "All is well: good.test can be reached, and takes what we send."},
		{here, true, "federation.hosts", "All is well at the address that federation.hosts gives."},
		{down, false, "connection to 127.0.0.1:", "It is them: Their machine is there, but nothing listens at the port."},
		{deny, false, "HTTP 403", "It is them: They know who we are and refuse us"},
		{blind, false, "HTTP 401", "It is us: They do not accept our signature."},
		{"no name", false, "", "It is us: This is not a server name"},
	} {
		t.Run(string(c.server), func(t *testing.T) {
			out, err := r.run("federation", "probe", string(c.server))
			if (err == nil) != c.good || !strings.Contains(out, c.words) || !strings.HasPrefix(lastLine(out), c.verdict) {
				t.Errorf("%v; want %q in it, and last %q:\n%s", err, c.words, c.verdict, out)
			}
		})
	}
}

func TestExplainSaysWhatToDo(t *testing.T) {
	r := newRig(t)
	r.queue(good, 1)
	r.queue(down, 2)
	r.start(here)
	r.start(good)
	r.says([]string{"federation", "explain", "down.test"}, true,
		"waiting       2", "last error", "FAILED", "It is them: ", "listens elsewhere", "Nothing is lost meanwhile")
	r.says([]string{"federation", "explain", "good.test"}, true,
		"waiting       1", "All is well", "The last attempt failed otherwise: Their machine is there", "chappe federation retry good.test")
	r.says([]string{"federation", "explain", "blind.test"}, true, "Nothing waits for blind.test", "It is them: ")
}

func TestCommandsOfFederationHaveHelp(t *testing.T) {
	for _, help := range []string{federationStatus{}.Help(), federationProbe{}.Help(), federationRetry{}.Help(), federationExplain{}.Help()} {
		if len(help) < 50 {
			t.Errorf("too short: %q", help)
		}
	}
}
