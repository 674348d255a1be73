package selfsigned

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/files"
)

func TestSelfSignedCertificateIsGoodForTheName(t *testing.T) {
	for _, c := range []struct {
		server spec.ServerName
		extra  []string
		good   []string
		bad    []string
	}{
		{"a.test", nil, []string{"a.test"}, []string{"b.test", "127.0.0.1"}},
		{"a.test:8448", []string{"localhost", "127.0.0.1"}, []string{"a.test", "localhost", "127.0.0.1"}, []string{"127.0.0.2"}},
		{"[::1]:8448", nil, []string{"::1"}, []string{"a.test"}},
		{"10.0.0.1", []string{"::1", "a.test", "a.test"}, []string{"10.0.0.1", "::1", "a.test"}, []string{"10.0.0.2"}},
	} {
		t.Run(string(c.server), func(t *testing.T) {
			certPath, keyPath := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
			if err := Ensure(certPath, keyPath, c.server, c.extra...); err != nil {
				t.Fatal(err)
			}
			leaf := loadCertificate(t, certPath, keyPath)
			roots := x509.NewCertPool()
			roots.AddCert(leaf)
			for _, host := range c.good {
				if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
					t.Errorf("not good for %s: %v", host, err)
				}
			}
			for _, host := range c.bad {
				if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err == nil {
					t.Errorf("good for %s", host)
				}
			}
			if years := time.Until(leaf.NotAfter).Hours() / 24 / 365; years < 9.9 {
				t.Errorf("good for %.1f years", years)
			}
			if info, err := os.Stat(keyPath); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("key mode %v, %v; want 0600", info.Mode(), err)
			}
		})
	}
}

func loadCertificate(t *testing.T, certPath, keyPath string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestSelfSignedReplacesNothing(t *testing.T) {
	folder := t.TempDir()
	certPath, keyPath := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	make := func() error { return Ensure(certPath, keyPath, "a.test") }
	if err := make(); err != nil {
		t.Fatal(err)
	}
	first := loadCertificate(t, certPath, keyPath)
	if err := make(); err != nil || !loadCertificate(t, certPath, keyPath).Equal(first) {
		t.Errorf("made again though both files were there, %v", err)
	}
	key, err := os.ReadFile(keyPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(certPath); err != nil {
		t.Fatal(err)
	}
	if err := make(); err != nil {
		t.Errorf("with the key alone: %v", err)
	}
	loadCertificate(t, certPath, keyPath)
	if again, err := os.ReadFile(keyPath); err != nil || string(again) != string(key) {
		t.Errorf("the key was replaced, %v", err)
	}
	if err := os.Remove(keyPath); err != nil {
		t.Fatal(err)
	}
	if err := make(); err == nil {
		t.Error("with the certificate alone: no error")
	}
	if there, err := files.Exists(keyPath); there || err != nil {
		t.Errorf("a key was made for another's certificate, %v", err)
	}
}
