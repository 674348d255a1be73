//go:build synapse

package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/testserver"
)

// synapseName leads nowhere: Chappe finds it by federation.hosts.
const synapseName spec.ServerName = "synapse.test"

const (
	synapseStart = 60 * time.Second
	synapseStop  = 30 * time.Second
	adminSecret  = "for tests"
)

// A synapse is a Synapse with SQLite and a folder of its own. Start, Stop and Kill
// belong to the test's goroutine.
type synapse struct {
	t          *testing.T
	root       string             // the folder with Debian and Synapse, which has it as "/"
	folder     string             // with its configuration, keys, database and log, as we see it
	client     string             // host:port
	federation string             // host:port
	anyone     *testserver.Client // not logged in
	users      map[string]bool    // those Device has registered
	cmd        *exec.Cmd          // nil while it is down
	exited     chan struct{}      // closed when cmd has ended
}

// prepareSynapse makes everything of a Synapse but the certificates and the process.
func prepareSynapse(t *testing.T, settings map[string]any) *synapse {
	t.Helper()
	s := &synapse{
		t:      t,
		root:   os.Getenv("INTEROP_ROOT"),
		client: freeAddress(t), federation: freeAddress(t),
		users: make(map[string]bool),
	}
	if s.root == "" {
		t.Fatal("INTEROP_ROOT is not set: start these tests by interop/run.sh")
	}
	var err error
	if s.folder, err = os.MkdirTemp(filepath.Join(s.root, "tmp"), "interop-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.folder) })
	t.Cleanup(s.end)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.anyone = testserver.ClientOver(transport, "http://"+s.client, testserver.Device{}, "")
	all := s.settings()
	maps.Copy(all, settings)
	text, err := json.Marshal(all) // which is YAML, too
	if err == nil {
		err = os.WriteFile(s.file("homeserver.yaml"), text, 0o600)
	}
	if err == nil {
		err = os.WriteFile(s.file("signing.key"), signingKey(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// file gives the path of a file as we see it, and inside as Synapse does.
func (s *synapse) file(name string) string   { return filepath.Join(s.folder, name) }
func (s *synapse) inside(name string) string { return strings.TrimPrefix(s.file(name), s.root) }

// settings are what every test needs: nobody but Chappe to talk to, no limits for
// clients, and the defaults in all that concerns federation.
//
// https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html
func (s *synapse) settings() map[string]any {
	unlimited := map[string]any{"per_second": 1e6, "burst_count": 1_000_000}
	return map[string]any{
		"server_name": synapseName,
		"listeners": []any{
			s.listener(s.client, "client", false),
			s.listener(s.federation, "federation", true),
		},
		"tls_certificate_path":                     s.inside("synapse.crt"),
		"tls_private_key_path":                     s.inside("synapse.key"),
		"federation_custom_ca_list":                []string{s.inside("chappe.crt")},
		"ip_range_blacklist":                       []string{},
		"trusted_key_servers":                      []string{},
		"suppress_key_server_warning":              true,
		"signing_key_path":                         s.inside("signing.key"),
		"database":                                 map[string]any{"name": "sqlite3", "args": map[string]any{"database": s.inside("homeserver.db")}},
		"media_store_path":                         s.inside("media"),
		"pid_file":                                 s.inside("homeserver.pid"),
		"report_stats":                             false,
		"enable_registration":                      true,
		"enable_registration_without_verification": true,
		"registration_shared_secret":               adminSecret,
		"macaroon_secret_key":                      "for tests",
		"form_secret":                              "for tests",
		"bcrypt_rounds":                            4,
		"rc_message":                               unlimited,
		"rc_registration":                          unlimited,
		"rc_login":                                 map[string]any{"address": unlimited, "account": unlimited, "failed_attempts": unlimited},
		"rc_federation":                            map[string]any{"window_size": 1000, "sleep_limit": 100_000, "sleep_delay": 1, "reject_limit": 100_000, "concurrent": 1000},
	}
}

func (s *synapse) listener(address, resource string, tls bool) map[string]any {
	host, digits, _ := net.SplitHostPort(address)
	return map[string]any{
		"type": "http", "tls": tls, "bind_addresses": []string{host}, "port": json.Number(digits),
		"resources": []any{map[string]any{"names": []string{resource}}},
	}
}

// signingKey makes a key in the form of Synapse's file.
func signingKey() []byte {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	return []byte("ed25519 a_test " + base64.RawStdEncoding.EncodeToString(seed) + "\n")
}

// freeAddress gives a loopback address with a port that is neither one of Chappe's
// (see testserver) nor one that the system gives to outgoing connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 200 {
		address := fmt.Sprintf("127.0.0.1:%d", 32_000+mathrand.IntN(700))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no free port was found")
	return ""
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, digits, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return digits
}

func (s *synapse) Name() spec.ServerName      { return synapseName }
func (s *synapse) FederationAddress() string  { return s.federation }
func (s *synapse) Client() *testserver.Client { return s.anyone }

func (s *synapse) Device(localpart, deviceID string) *testserver.Client {
	s.t.Helper()
	enter := s.anyone.Register
	if s.users[localpart] {
		enter = s.anyone.Login
	}
	client, err := enter(within(s.t, soon), localpart, "password of "+localpart, deviceID)
	if err != nil {
		s.t.Fatalf("make %s of %s at Synapse: %v", deviceID, localpart, err)
	}
	s.users[localpart] = true
	return client
}

// Start returns once it answers clients and other servers.
func (s *synapse) Start() {
	s.t.Helper()
	log, err := os.OpenFile(s.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("chroot", s.root, "python3", "-m", "synapse.app.homeserver", "--config-path", s.inside("homeserver.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left behind
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start Synapse: %v", err)
	}
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // ProcessState has it
		close(exited)
	}()
	s.awaitAnswer(exited)
}

func (s *synapse) awaitAnswer(exited <-chan struct{}) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), synapseStart)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := s.anyone.Do(ctx, testserver.Request{Method: http.MethodGet, Path: "/_matrix/client/versions"})
		if err == nil && answer.Status == http.StatusOK && accepts(s.federation) {
			return
		}
		select {
		case <-again.C:
		case <-exited:
			s.t.Fatalf("Synapse ended at its start: %v", s.cmd.ProcessState)
		case <-ctx.Done():
			s.t.Fatalf("Synapse does not answer after %v: %v", synapseStart, err)
		}
	}
}

func accepts(address string) bool {
	connection, err := net.Dial("tcp", address)
	if err == nil {
		_ = connection.Close()
	}
	return err == nil
}

// Kill ends it with SIGKILL.
func (s *synapse) Kill() { s.signal(syscall.SIGKILL) }

// Stop ends it with SIGTERM. The test fails if that takes too long.
func (s *synapse) Stop() { s.signal(syscall.SIGTERM) }

func (s *synapse) signal(sign syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		s.t.Fatal("Synapse is down already")
	}
	cmd := s.cmd
	s.cmd = nil
	_ = cmd.Process.Signal(sign) // it may be gone: then it has exited
	select {
	case <-s.exited:
	case <-time.After(synapseStop):
		_ = cmd.Process.Kill()
		<-s.exited
		s.t.Errorf("Synapse did not end within %v of %v", synapseStop, sign)
	}
}

// end stops it with its test, and shows the end of its log if that failed.
func (s *synapse) end() {
	if s.cmd != nil {
		s.Stop()
	}
	if !s.t.Failed() {
		return
	}
	const shown = 20_000
	text, err := os.ReadFile(s.file("log"))
	if err != nil {
		s.t.Logf("the log of Synapse cannot be read: %v", err)
		return
	}
	s.t.Logf("the end of Synapse's log:\n%s", bytes.ToValidUTF8(text[max(0, len(text)-shown):], nil))
}
