// Package remotetest stands for other servers in the tests of federation: it
// publishes the keys it is told to and signs as it is told to.
package remotetest

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/selfsigned"
)

// A Server is another server on loopback, with a certificate of its own, that
// publishes the keys a test gives it. Its fields are changed within Change.
type Server struct {
	t    *testing.T
	Name spec.ServerName
	http *httptest.Server

	mu sync.Mutex
	// All guarded by mu.
	Keys       []signing.Key
	Old        []signing.Key
	ValidUntil time.Time
	Answer     http.HandlerFunc // instead of the keys
	Asked      int              // for its keys, or whatever Answer answers
}

// New starts a server that ends with the test.
func New(t *testing.T, name spec.ServerName, keys ...signing.Key) *Server {
	t.Helper()
	r := &Server{t: t, Name: name, Keys: keys, ValidUntil: time.Now().Add(24 * time.Hour)}
	r.http, _ = ServeTLS(t, name, r)
	return r
}

// ServeTLS serves a handler on loopback with a certificate for a server name, and
// gives the pool that trusts it.
func ServeTLS(t *testing.T, name spec.ServerName, handler http.Handler) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	certPath, keyPath := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	if err := selfsigned.Ensure(certPath, keyPath, name); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused certificates are part of the tests
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	return server, pool
}

// Address is the host:port the server listens at.
func (r *Server) Address() string { return r.http.Listener.Addr().String() }

// Certificate is what the server shows, which nobody trusts who was not told to.
func (r *Server) Certificate() *x509.Certificate { return r.http.Certificate() }

// CloseClientConnections closes the connections that other servers keep open.
func (r *Server) CloseClientConnections() { r.http.CloseClientConnections() }

// Change changes what the server does.
func (r *Server) Change(f func(*Server)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// TimesAsked gives how often the server was asked for its keys.
func (r *Server) TimesAsked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Asked
}

// ServeHTTP answers with the key object, or as Answer does.
func (r *Server) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.Asked++
	answer, object := r.Answer, r.Object()
	r.mu.Unlock()
	if answer != nil {
		answer(w, request)
		return
	}
	if request.Host != string(r.Name) || request.URL.Path != "/_matrix/key/v2/server" {
		http.NotFound(w, request)
		return
	}
	_, _ = w.Write(object)
}

// Object writes the key object. No other goroutine may change the server meanwhile.
func (r *Server) Object() []byte {
	fields := gomatrixserverlib.ServerKeyFields{
		ServerName:    r.Name,
		VerifyKeys:    map[gomatrixserverlib.KeyID]gomatrixserverlib.VerifyKey{},
		OldVerifyKeys: map[gomatrixserverlib.KeyID]gomatrixserverlib.OldVerifyKey{},
		ValidUntilTS:  spec.AsTimestamp(r.ValidUntil),
	}
	verify := func(key signing.Key) gomatrixserverlib.VerifyKey {
		return gomatrixserverlib.VerifyKey{Key: spec.Base64Bytes(key.Private.Public().(ed25519.PublicKey))}
	}
	for _, key := range r.Keys {
		fields.VerifyKeys[key.ID] = verify(key)
	}
	for _, key := range r.Old {
		fields.OldVerifyKeys[key.ID] = gomatrixserverlib.OldVerifyKey{VerifyKey: verify(key), ExpiredTS: 1}
	}
	object, err := json.Marshal(fields)
	for _, key := range r.Keys { // another's code than the one that checks
		if err == nil {
			object, err = gomatrixserverlib.SignJSON(string(r.Name), key.ID, key.Private, object)
		}
	}
	if err != nil {
		r.t.Error(err)
	}
	return object
}

// Reaching is a client configuration that leads to these remotes.
func Reaching(remotes ...*Server) remote.Config {
	cfg := remote.Config{Hosts: map[spec.ServerName]string{}, CAPool: x509.NewCertPool(), VerifyCertificates: true}
	for _, r := range remotes {
		cfg.Hosts[r.Name] = r.Address()
		cfg.CAPool.AddCert(r.Certificate())
	}
	return cfg
}

// A Signing is all that goes into the Authorization header of a request.
type Signing struct {
	Key         signing.Key
	Method, URI string
	Origin      spec.ServerName
	Destination spec.ServerName // "" leaves it out of the header
	SignedFor   spec.ServerName // the destination in the signed object
	Body        json.RawMessage
}

// Header gives the Authorization header.
func (s Signing) Header(t testing.TB) string {
	t.Helper()
	target := signing.Request{Destination: s.SignedFor, Method: s.Method, Origin: s.Origin, URI: s.URI}
	message, err := target.Message(s.Body)
	if err != nil {
		t.Fatal(err)
	}
	return signing.Credential{Origin: s.Origin, Destination: s.Destination, Key: s.Key.ID, Signature: s.Key.Sign(message)}.String()
}

// Key gives the same key for the same version.
func Key(version string) signing.Key {
	seed := []byte(strings.Repeat(version, ed25519.SeedSize))[:ed25519.SeedSize]
	return signing.Key{ID: gomatrixserverlib.KeyID(signing.Algorithm + ":" + version), Private: ed25519.NewKeyFromSeed(seed)}
}
