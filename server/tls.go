package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/selfsigned"
)

// certificate loads the configured certificate, or the self-signed one of the
// data folder, which is made at the first start.
func certificate(cfg config.Config, log *logrus.Entry) (tls.Certificate, error) {
	certFile, keyFile := cfg.Federation.TLSCert, cfg.Federation.TLSKey
	if certFile == "" {
		certFile = filepath.Join(cfg.DataDir, "tls.crt")
		keyFile = filepath.Join(cfg.DataDir, "tls.key")
		if err := selfsigned.Ensure(certFile, keyFile, cfg.ServerName); err != nil {
			return tls.Certificate{}, err
		}
		log.WithField("certificate", certFile).
			Warn("federation uses a self-signed certificate: other servers must be told to trust it, or set federation.tls_cert and tls_key")
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load the certificate: %w", err)
	}
	return pair, nil
}

// trustedRoots is the system's pool and the certificates of a file; nil stands
// for the system's alone.
func trustedRoots(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(caFile)
	if err == nil && !roots.AppendCertsFromPEM(pem) {
		err = errors.New("it holds no certificate")
	}
	if err != nil {
		return nil, fmt.Errorf("load federation.ca_file: %w", err)
	}
	return roots, nil
}
