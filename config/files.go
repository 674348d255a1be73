package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
)

// checkFiles reads the files that federation needs, so that a wrong path or a key
// for another certificate shows before the server starts.
func (f Federation) checkFiles(found *mistakes) {
	f.checkKeyPair(found)
	if f.CAFile == "" {
		return
	}
	roots, ok := readFile("federation.ca_file", f.CAFile, found)
	if ok && !x509.NewCertPool().AppendCertsFromPEM(roots) {
		found.add("federation.ca_file", "holds no certificate; want a file in PEM form")
	}
}

func (f Federation) checkKeyPair(found *mistakes) {
	const together = "missing: tls_cert and tls_key belong together; give both, or neither for a self-signed certificate"
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return
	case f.TLSCert == "":
		found.add("federation.tls_cert", together)
	case f.TLSKey == "":
		found.add("federation.tls_key", together)
	}
	cert, certRead := readFile("federation.tls_cert", f.TLSCert, found)
	key, keyRead := readFile("federation.tls_key", f.TLSKey, found)
	if !certRead || !keyRead {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		found.add("federation.tls_cert", "tls_cert and tls_key cannot be used together: "+err.Error())
	}
}

// readFile reads a file if its path is set. An error is reported without the path:
// someone may have put the key itself there.
func readFile(at, path string, found *mistakes) ([]byte, bool) {
	if path == "" {
		return nil, false
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		found.add(at, "is not a file; name a file in PEM form")
		return nil, false
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	if err != nil {
		found.add(at, "the file cannot be read: "+err.Error())
		return nil, false
	}
	return data, true
}
