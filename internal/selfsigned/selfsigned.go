// Package selfsigned makes the certificates of servers that were given none.
package selfsigned

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/files"
	"github.com/chappe-im/chappe/todevice"
)

const certificateYears = 10

// Ensure makes a self-signed certificate for a server's name, and for extra
// host names and IP addresses, if the files are not there. The key is readable by
// its owner only. A key without a certificate is used; a certificate without its
// key is an error.
func Ensure(certPath, keyPath string, serverName spec.ServerName, extra ...string) error {
	haveCert, certErr := files.Exists(certPath)
	haveKey, keyErr := files.Exists(keyPath)
	if err := errors.Join(certErr, keyErr); err != nil {
		return err
	}
	if haveCert && haveKey {
		return nil
	}
	if haveCert {
		return fmt.Errorf("the certificate %s is there, but not its key", certPath)
	}
	key, err := tlsKey(keyPath, haveKey)
	if err != nil {
		return err
	}
	certificate, err := certificate(key, append([]string{todevice.Host(serverName)}, extra...), time.Now())
	if err != nil {
		return fmt.Errorf("make the certificate: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	if err := files.Write(certPath, block, 0o644); err != nil {
		return fmt.Errorf("write the certificate: %w", err)
	}
	return nil
}

// certificate gives a certificate in DER for hosts, names or IP addresses.
func certificate(key *ecdsa.PrivateKey, hosts []string, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: hosts[0][:min(len(hosts[0]), 64)]},
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.AddDate(certificateYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if !slices.Contains(template.DNSNames, host) {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// tlsKey reads the key from its file, or makes both.
func tlsKey(path string, there bool) (*ecdsa.PrivateKey, error) {
	if there {
		return readTLSKey(path)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the TLS key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the TLS key: %w", err)
	}
	if err := files.Write(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, fmt.Errorf("write the TLS key: %w", err)
	}
	return key, nil
}

func readTLSKey(path string) (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the TLS key: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("the TLS key %s is not in PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the TLS key %s: not a PKCS #8 key", path)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the TLS key %s is of another kind than ECDSA", path)
	}
	return signer, nil
}
