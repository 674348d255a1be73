package remote

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxCertificateNames bounds the names of a certificate that are told.
const maxCertificateNames = 5

// verify checks a certificate chain as crypto/tls does.
func verify(chain []*x509.Certificate, roots *x509.CertPool, name string) error {
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name})
	return err
}

// certificateWords tells whom a certificate is for, until when, and whose word that
// is.
func certificateWords(certificate *x509.Certificate, now time.Time) string {
	names := certificate.DNSNames
	for _, ip := range certificate.IPAddresses {
		names = append(names, ip.String())
	}
	more := ""
	if len(names) > maxCertificateNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxCertificateNames)
		names = names[:maxCertificateNames]
	}
	if len(names) == 0 {
		names = []string{"no name"}
	}
	issuer := certificate.Issuer.CommonName
	if certificate.CheckSignatureFrom(certificate) == nil || issuer == certificate.Subject.CommonName {
		issuer = "itself"
	}
	days := int(certificate.NotAfter.Sub(now).Hours() / 24)
	return printable(fmt.Sprintf("for %s%s, issued by %s, until %s", strings.Join(names, ", "), more, issuer,
		certificate.NotAfter.UTC().Format(time.DateOnly))) + fmt.Sprintf(" (%d days)", days)
}

// absent tells whether a look-up failed because there is nothing to be found.
func absent(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}
