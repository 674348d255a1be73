package testserver

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/selfsigned"
)

// Federated starts a server for each name. They know where the others are, and
// trust their certificates, which are checked as on the Internet.
func Federated(t testing.TB, names ...spec.ServerName) []*Server {
	t.Helper()
	servers := make([]*Server, len(names))
	hosts := make(map[spec.ServerName]string, len(names))
	var roots bytes.Buffer
	for i, name := range names {
		servers[i] = prepare(t, Named(name))
		hosts[name] = servers[i].config.Federation.Listen
		roots.Write(servers[i].certify())
	}
	for _, s := range servers {
		s.config.Federation.CAFile = filepath.Join(filepath.Dir(s.file), "roots.pem")
		s.config.Federation.Hosts = maps.Clone(hosts)
		if err := os.WriteFile(s.config.Federation.CAFile, roots.Bytes(), 0o600); err != nil {
			t.Fatalf("testserver: write the roots: %v", err)
		}
		s.Start()
	}
	return servers
}

// certify makes the server's self-signed certificate before its first start, and
// gives it in PEM form.
func (s *Server) certify() []byte {
	s.t.Helper()
	folder := filepath.Dir(s.file)
	s.config.Federation.TLSCert = filepath.Join(folder, "tls.crt")
	s.config.Federation.TLSKey = filepath.Join(folder, "tls.key")
	err := selfsigned.Ensure(s.config.Federation.TLSCert, s.config.Federation.TLSKey, s.Name())
	if err != nil {
		s.t.Fatalf("testserver: make the certificate of %s: %v", s.Name(), err)
	}
	certificate, err := os.ReadFile(s.config.Federation.TLSCert)
	if err != nil {
		s.t.Fatalf("testserver: read the certificate of %s: %v", s.Name(), err)
	}
	return certificate
}
