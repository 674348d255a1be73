package federationapi_test

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
	"sync"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi"
)

// A remote is another server on loopback, with a certificate of its own, that
// publishes the keys a test gives it.
type remote struct {
	t    *testing.T
	name spec.ServerName
	http *httptest.Server
	pool *x509.CertPool

	mu sync.Mutex
	// All guarded by mu.
	keys       []federationapi.SigningKey
	old        []federationapi.SigningKey
	validUntil time.Time
	answer     http.HandlerFunc // instead of the keys
	asked      int
}

func newRemote(t *testing.T, name spec.ServerName, keys ...federationapi.SigningKey) *remote {
	t.Helper()
	r := &remote{t: t, name: name, keys: keys, validUntil: time.Now().Add(24 * time.Hour)}
	r.http, r.pool = serveTLS(t, name, r)
	return r
}

// serveTLS serves a handler on loopback with a certificate for a server name, and
// gives the pool that trusts it.
func serveTLS(t *testing.T, name spec.ServerName, handler http.Handler) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	certPath, keyPath := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	if err := federationapi.SelfSigned(certPath, keyPath, name); err != nil {
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

// address is the host:port the remote listens at.
func (r *remote) address() string { return r.http.Listener.Addr().String() }

// change changes what the remote does.
func (r *remote) change(f func(*remote)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// timesAsked gives how often the remote was asked for its keys.
func (r *remote) timesAsked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

func (r *remote) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.asked++
	answer, object := r.answer, r.object()
	r.mu.Unlock()
	if answer != nil {
		answer(w, request)
		return
	}
	if request.Host != string(r.name) || request.URL.Path != "/_matrix/key/v2/server" {
		http.NotFound(w, request)
		return
	}
	_, _ = w.Write(object)
}

// object writes the key object. The caller holds mu.
func (r *remote) object() []byte {
	fields := gomatrixserverlib.ServerKeyFields{
		ServerName:    r.name,
		VerifyKeys:    map[gomatrixserverlib.KeyID]gomatrixserverlib.VerifyKey{},
		OldVerifyKeys: map[gomatrixserverlib.KeyID]gomatrixserverlib.OldVerifyKey{},
		ValidUntilTS:  spec.AsTimestamp(r.validUntil),
	}
	verify := func(key federationapi.SigningKey) gomatrixserverlib.VerifyKey {
		return gomatrixserverlib.VerifyKey{Key: spec.Base64Bytes(key.Private.Public().(ed25519.PublicKey))}
	}
	for _, key := range r.keys {
		fields.VerifyKeys[key.ID] = verify(key)
	}
	for _, key := range r.old {
		fields.OldVerifyKeys[key.ID] = gomatrixserverlib.OldVerifyKey{VerifyKey: verify(key), ExpiredTS: 1}
	}
	object, err := json.Marshal(fields)
	for _, key := range r.keys { // another's code than the one that checks
		if err == nil {
			object, err = gomatrixserverlib.SignJSON(string(r.name), key.ID, key.Private, object)
		}
	}
	if err != nil {
		r.t.Error(err)
	}
	return object
}

// reaching is a client configuration that leads to these remotes.
func reaching(remotes ...*remote) federationapi.ClientConfig {
	cfg := federationapi.ClientConfig{Hosts: map[spec.ServerName]string{}, CAPool: x509.NewCertPool(), VerifyCertificates: true}
	for _, r := range remotes {
		cfg.Hosts[r.name] = r.address()
		certificate, err := x509.ParseCertificate(r.http.TLS.Certificates[0].Certificate[0])
		if err != nil {
			r.t.Fatal(err)
		}
		cfg.CAPool.AddCert(certificate)
	}
	return cfg
}
