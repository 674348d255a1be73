package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
)

// writePair makes a certificate and its key and returns where they are.
func writePair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", certDER),
		writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", keyDER)
}

func writePEM(t *testing.T, path, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCertificateFilesAreRead(t *testing.T) {
	cert, key := writePair(t)
	otherCert, _ := writePair(t)
	const unfit = "line 1: federation.tls_cert: tls_cert and tls_key cannot be used together: "
	for _, test := range []struct{ name, cert, key, ca, want string }{
		{"a pair", cert, key, cert, ""},
		{"a key for another certificate", otherCert, key, "", unfit + "tls: private key does not match"},
		{"the two exchanged", key, cert, "", unfit},
		{"a key as root", "", "", key, "line 1: federation.ca_file: holds no certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte("federation: {tls_cert: '" + test.cert + "', tls_key: '" + test.key + "', ca_file: '" + test.ca + "'}"))
			if test.want != "" {
				checkLines(t, err, []string{test.want})
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
