package remote_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/internal/publicnet"
	"github.com/chappe-im/chappe/todevice"
)

// The servers of the tests: ours, and one it sends to.
const (
	here  = spec.ServerName("here.test")
	there = spec.ServerName("there.test")
)

// deliver sends an empty transaction from here.
func deliver(t *testing.T, cfg remote.Config, to spec.ServerName) error {
	t.Helper()
	client := remote.New(cfg, here, remotetest.Key("here"))
	t.Cleanup(client.Close)
	return client.SendTransaction(t.Context(), to, "1-a/b", []byte(`{}`))
}

func TestRequestGoesOutAsItIsSigned(t *testing.T) {
	r := remotetest.New(t, there)
	r.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, request *http.Request) {
			body, _ := io.ReadAll(request.Body)
			want := remotetest.Signing{
				Key: remotetest.Key("here"), Method: http.MethodPut, URI: "/_matrix/federation/v1/send/1-a%2Fb",
				Origin: here, Destination: there, SignedFor: there, Body: []byte(`{}`),
			}
			switch {
			case request.Host != "there.test", request.RequestURI != want.URI, string(body) != "{}",
				request.Header.Get("Authorization") != want.Header(t), request.Header.Get("Content-Type") != "application/json",
				request.Header.Values("Idempotency-Key") != nil:
				t.Errorf("got %s %s for %s, body %s, %v", request.Method, request.RequestURI, request.Host, body, request.Header)
			}
		}
	})
	if err := deliver(t, remotetest.Reaching(r), there); err != nil {
		t.Error(err)
	}
}

func TestOtherServersAreReachedSafely(t *testing.T) {
	r := remotetest.New(t, there)
	r.Change(func(r *remotetest.Server) { r.Answer = func(http.ResponseWriter, *http.Request) {} })
	literal := spec.ServerName(r.Address()) // found by its name, not by configuration
	with := func(change func(*remote.Config)) remote.Config {
		cfg := remotetest.Reaching(r)
		change(&cfg)
		return cfg
	}
	for _, c := range []struct {
		name string
		cfg  remote.Config
		to   spec.ServerName
		good bool
	}{
		{"configured", remotetest.Reaching(r), there, true},
		{"a certificate of nobody we trust", with(func(cfg *remote.Config) { cfg.CAPool = x509.NewCertPool() }), there, false},
		{"a certificate for another name", with(func(cfg *remote.Config) { cfg.Hosts["else.test"] = r.Address() }), "else.test", false},
		{"unchecked", with(func(cfg *remote.Config) {
			cfg.CAPool, cfg.VerifyCertificates, cfg.Hosts["else.test"] = nil, false, r.Address()
		}), "else.test", true},
		{"a private address", with(func(cfg *remote.Config) { cfg.VerifyCertificates = false }), literal, false},
		{"a private address, allowed", with(func(cfg *remote.Config) { cfg.VerifyCertificates, cfg.AllowPrivateAddresses = false, true }), literal, true},
		{"ourselves", with(func(cfg *remote.Config) { cfg.Hosts[here] = r.Address() }), here, false},
		{"no server name", remotetest.Reaching(r), "there.test/x", false},
		{"port 0", remotetest.Reaching(r), "there.test:0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := deliver(t, c.cfg, c.to)
			if (err == nil) != c.good {
				t.Errorf("got %v", err)
			}
			if c.name == "a private address" && !errors.Is(err, publicnet.ErrPrivateAddress) {
				t.Errorf("got %v, want that the address is private", err)
			}
		})
	}
}

func TestAnswersOtherThan200AreRefusals(t *testing.T) {
	r := remotetest.New(t, there)
	var followed atomic.Bool
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   remote.Refusal
	}{
		{"too many requests", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(429)
			_, _ = w.Write([]byte(`{"errcode":"M_LIMIT_EXCEEDED"}`))
		}, remote.Refusal{Status: 429, ErrCode: "M_LIMIT_EXCEEDED", RetryAfter: 9 * time.Second}},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, remote.Refusal{Status: 204}},
		{"a redirect", func(w http.ResponseWriter, request *http.Request) {
			if strings.HasPrefix(request.URL.Path, "/elsewhere") {
				followed.Store(true)
				return
			}
			http.Redirect(w, request, "/elsewhere", http.StatusTemporaryRedirect)
		}, remote.Refusal{Status: 307}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Change(func(r *remotetest.Server) { r.Answer = c.answer })
			err := deliver(t, remotetest.Reaching(r), there)
			var got *remote.Refusal
			if !errors.As(err, &got) || *got != c.want {
				t.Errorf("got %#v, want %+v", err, c.want)
			}
		})
	}
	if followed.Load() {
		t.Error("the redirect was followed")
	}
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	r := remotetest.New(t, there)
	r.Change(func(r *remotetest.Server) {
		r.Answer = func(w http.ResponseWriter, request *http.Request) {
			for request.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}
	})
	if err := deliver(t, remotetest.Reaching(r), there); err != nil {
		t.Errorf("the server confirmed, but %v", err)
	}
}

func TestConnectionTheServerClosedCostsNoFailure(t *testing.T) {
	r := remotetest.New(t, there)
	var taken atomic.Int32
	r.Change(func(r *remotetest.Server) { r.Answer = func(http.ResponseWriter, *http.Request) { taken.Add(1) } })
	client := remote.New(remotetest.Reaching(r), here, remotetest.Key("here"))
	t.Cleanup(client.Close)
	for i := range 5 {
		if err := client.SendTransaction(context.Background(), there, "t", []byte(`{}`)); err != nil || int(taken.Load()) != i+1 {
			t.Fatalf("request %d: %v, %d taken", i, err, taken.Load())
		}
		r.CloseClientConnections()
	}
}

func TestDeniedServerIsNotAsked(t *testing.T) {
	r := remotetest.New(t, there)
	cfg := remotetest.Reaching(r)
	cfg.Servers = todevice.NewServerRules(nil, []string{"there.test"})
	if err := deliver(t, cfg, there); !errors.Is(err, remote.ErrDenied) {
		t.Errorf("got %v", err)
	}
	if r.TimesAsked() != 0 {
		t.Errorf("asked %d times", r.TimesAsked())
	}
}
