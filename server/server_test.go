package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/faultdb"
)

// A running server, in this process.
type running struct {
	t      *testing.T
	server *Server
	http   http.Client
	url    string
	folder string // of its data
}

// run starts a server on free ports, and ends it with the test.
func run(t *testing.T, driver string, adjust ...func(*config.Config)) *running {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName = "here.test"
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Registration.Open = true
	for _, change := range adjust {
		change(&cfg)
	}
	log, _ := test.NewNullLogger()
	s, err := NewIn(Environment{Driver: driver}, cfg, logrus.NewEntry(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r := &running{t: t, server: s, folder: cfg.DataDir, url: "http://" + s.ClientAddr(), http: http.Client{Transport: &http.Transport{}}}
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	return r
}

func (r *running) do(method, path, token, body string) (status int, answer map[string]any) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := r.http.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && bytes.HasPrefix(text, []byte("{")) {
		err = json.Unmarshal(text, &answer)
	} else {
		answer = map[string]any{"text": string(text)}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, answer
}

// register gives the access token of a new user.
func (r *running) register(name string) string {
	r.t.Helper()
	status, answer := r.do("POST", "/_matrix/client/v3/register", "",
		fmt.Sprintf(`{"username":%q,"password":"p","device_id":"D","auth":{"type":"m.login.dummy"}}`, name))
	token, _ := answer["access_token"].(string)
	if status != 200 || token == "" {
		r.t.Fatalf("register: %d %v", status, answer)
	}
	return token
}

// waiting gives the contents a sync without since shows.
func (r *running) waiting(token string) (contents []any) {
	r.t.Helper()
	status, answer := r.do("GET", "/_matrix/client/v3/sync", token, "")
	if status != 200 {
		r.t.Fatalf("sync: %d %v", status, answer)
	}
	for _, event := range answer["to_device"].(map[string]any)["events"].([]any) {
		contents = append(contents, event.(map[string]any)["content"])
	}
	return contents
}

// silentServer takes connections and says nothing, until the test ends. reached is
// closed with the first of them.
func silentServer(t *testing.T) (address string, reached <-chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		close(first)
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String(), first
}

// Whatever write of a request fails, the client is told to try again, nothing of
// the request is visible, and the retry delivers once.
func TestRetryAfterAnyFailedWriteDeliversOnce(t *testing.T) {
	driver := faultdb.Register()
	// The queue to the other server must write nothing while faults are counted: its
	// first attempt is under way, and stays so, before the first fault.
	far, reached := silentServer(t)
	r := run(t, driver.Name, func(cfg *config.Config) {
		cfg.Federation.Hosts = map[spec.ServerName]string{"far.test": far}
	})
	alice, bob := r.register("alice"), r.register("bob")
	if status, _ := r.do("PUT", "/_matrix/client/v3/sendToDevice/t/first", alice, `{"messages":{"@far:far.test":{"*":{}}}}`); status != 200 {
		t.Fatalf("send: %d", status)
	}
	<-reached
	var want []any
	failures := 0
	for k := 1; ; k++ {
		path := fmt.Sprintf("/_matrix/client/v3/sendToDevice/t/txn%d", k)
		body := fmt.Sprintf(`{"messages":{"@bob:here.test":{"*":{"k":%d}},"@far:far.test":{"*":{}}}}`, k)
		driver.FailAt(k)
		status, answer := r.do("PUT", path, alice, body)
		failed := driver.Failed()
		driver.FailAt(0)
		want = append(want, map[string]any{"k": float64(k)})
		if !failed {
			if status != 200 {
				t.Fatalf("without a fault: %d %v", status, answer)
			}
			break
		}
		failures++
		if status != 500 || answer["errcode"] != "M_UNKNOWN" {
			t.Fatalf("write %d failed: %d %v, want 500 M_UNKNOWN", k, status, answer)
		}
		if got := r.waiting(bob); len(got) != k-1 {
			t.Fatalf("write %d failed, and bob has %v", k, got)
		}
		for range 2 {
			if status, answer := r.do("PUT", path, alice, body); status != 200 || len(answer) != 0 {
				t.Fatalf("the retry after failed write %d: %d %v", k, status, answer)
			}
		}
		if got := r.waiting(bob); !reflect.DeepEqual(got, want) {
			t.Fatalf("after the retry of failed write %d bob has %v, want %v", k, got, want)
		}
	}
	if failures < 5 {
		t.Errorf("only %d writes could be made to fail", failures)
	}
}

func TestUnknownDevicesAreCounted(t *testing.T) {
	r := run(t, "", func(cfg *config.Config) { cfg.Metrics.Listen = "127.0.0.1:0" })
	alice := r.register("alice")
	if status, _ := r.do("PUT", "/_matrix/client/v3/sendToDevice/t/1", alice,
		`{"messages":{"@nobody:here.test":{"*":{}},"@alice:here.test":{"gone":{},"D":{}}}}`); status != 200 {
		t.Fatalf("send: %d", status)
	}
	r.url = "http://" + r.server.addr("metrics")
	_, answer := r.do("GET", "/metrics", "", "")
	for _, line := range []string{`todevice_skipped_total{reason="unknown_device"} 2`, `todevice_accepted_total 1`} {
		if text, _ := answer["text"].(string); !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

func TestSecondServerOnTheSameAddressIsRefusedAndLeavesNothingOpen(t *testing.T) {
	r := run(t, "")
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.Client.Listen = strings.TrimPrefix(r.url, "http://")
	log, _ := test.NewNullLogger()
	if s, err := New(cfg, logrus.NewEntry(log)); err == nil {
		_ = s.close()
		t.Fatal("two servers listen on one address")
	}
	cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", ""
	s, err := New(cfg, logrus.NewEntry(log))
	if err != nil {
		t.Fatalf("the data folder of a server that did not start cannot be used: %v", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestServerThatIsStoppedAtOnceEndsWell(t *testing.T) {
	for range 20 {
		cfg := config.Default()
		cfg.DataDir = t.TempDir()
		cfg.Client.Listen, cfg.Federation.Listen = "127.0.0.1:0", "127.0.0.1:0"
		log, _ := test.NewNullLogger()
		s, err := New(cfg, logrus.NewEntry(log))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := s.Run(ctx); err != nil {
			t.Fatalf("the server ended with: %v", err)
		}
	}
}
