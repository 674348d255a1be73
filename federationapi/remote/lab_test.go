package remote

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/selfsigned"
)

// A lab is an Internet of its own: names, and servers at the addresses a test wants,
// all of them on loopback in truth.
type lab struct {
	t     *testing.T
	dns   *dns
	roots *x509.CertPool

	mu sync.Mutex
	// doors leads from host:port to the listener that stands for it. Guarded by mu.
	doors  map[string]string
	dialed []string // guarded by mu
}

func newLab(t *testing.T) *lab {
	return &lab{t: t, dns: newDNS(t), roots: x509.NewCertPool(), doors: map[string]string{}}
}

// client gives a client that lives in the lab.
func (l *lab) client(limits limits) *Client {
	l.t.Helper()
	key := signing.Key{ID: "ed25519:1", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	c := newClient(Config{CAPool: l.roots, VerifyCertificates: true}, "here.test", key, limits)
	c.network.names = l.dns.resolver()
	c.network.dial = func(ctx context.Context, address string, _ bool) (net.Conn, error) {
		l.mu.Lock()
		door := l.doors[address]
		l.dialed = append(l.dialed, address)
		l.mu.Unlock()
		if door == "" {
			return nil, errors.New("connect: connection refused")
		}
		return new(net.Dialer).DialContext(ctx, "tcp", door)
	}
	l.t.Cleanup(c.Close)
	return c
}

// open has a listener stand for an address.
func (l *lab) open(address, listener string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doors[address] = listener
}

func (l *lab) timesDialed(address string) (times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, dialed := range l.dialed {
		if dialed == address {
			times++
		}
	}
	return times
}

// certificate makes a certificate for a name, which the clients of the lab trust.
func (l *lab) certificate(name string) tls.Certificate {
	l.t.Helper()
	certPath, keyPath := filepath.Join(l.t.TempDir(), "cert.pem"), filepath.Join(l.t.TempDir(), "key.pem")
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if err := selfsigned.Ensure(certPath, keyPath, spec.ServerName(name)); err != nil {
		l.t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		l.t.Fatal(err)
	}
	l.roots.AddCert(pair.Leaf)
	return pair
}

// serve has a handler answer at an address, with a certificate for a name.
func (l *lab) serve(address, name string, handler http.HandlerFunc) *httptest.Server {
	l.t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{l.certificate(name)}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	l.t.Cleanup(server.Close)
	l.open(address, server.Listener.Addr().String())
	return server
}

// delegate has the well-known file of a server name another.
func (l *lab) delegate(server, to string) {
	l.serve(server+":443", server, func(w http.ResponseWriter, r *http.Request) {
		if r.Host != server || r.URL.Path != "/.well-known/matrix/server" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain") // any will do
		_, _ = io.WriteString(w, `{"m.server":"`+to+`"}`)
	})
}
