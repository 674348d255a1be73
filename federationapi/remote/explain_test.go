package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/chappe-im/chappe/internal/publicnet"
)

func TestFaultsAreExplainedByWhoseTheyAre(t *testing.T) {
	notFound := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "a.test", IsNotFound: true}}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	status := func(code int) error { return &Refusal{Status: code} }
	leaf := &x509.Certificate{DNSNames: []string{"b.test"}}
	for _, c := range []struct {
		err   error
		side  Side
		words string // of the cause
	}{
		{status(400), Them, "something wrong in what they were sent"},
		{&Refusal{Status: 401, ErrCode: "M_UNAUTHORIZED"}, Us, "signature"},
		{&Refusal{Status: 403, ErrCode: "M_FORBIDDEN"}, Them, "deny list"},
		{status(404), Them, "does not know the address"},
		{status(413), Them, "size"},
		{status(429), Them, "slowly"},
		{status(302), Them, "redirects"},
		{status(500), Them, "inside their server"},
		{status(502), Them, "proxy"},
		{status(503), Them, "not available"},
		{status(204), Them, "does not belong"},
		{ErrDenied, Us, "Our own configuration"},
		{fmt.Errorf("make the request: %w", errNotAnother), Us, "server name"},
		{dial(publicnet.ErrPrivateAddress), Either, "private network"},
		{notFound, Them, "DNS knows no address"},
		{dial(&net.DNSError{Err: "i/o timeout", Name: "a.test", Server: "192.0.2.53:53", IsTimeout: true}), Us, "DNS does not answer"},
		{dial(&net.DNSError{Err: "server misbehaving", Name: "a.test"}), Either, "DNS fails"},
		{dial(syscall.ECONNREFUSED), Them, "nothing listens"},
		{dial(syscall.ENETUNREACH), Us, "no route"},
		{dial(syscall.EHOSTUNREACH), Either, "cannot be reached"},
		{dial(syscall.ETIMEDOUT), Either, "Nothing comes back"},
		{context.DeadlineExceeded, Either, "in time"},
		{syscall.ECONNRESET, Them, "broke the connection off"},
		{x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}, Them, "has expired"},
		{x509.HostnameError{Certificate: leaf, Host: "a.test"}, Them, "for another name"},
		{x509.HostnameError{Certificate: leaf, Host: "192.0.2.1"}, Them, "not for the address"},
		{x509.HostnameError{Certificate: new(x509.Certificate), Host: "a.test"}, Them, "no name at all"},
		{x509.UnknownAuthorityError{Cert: leaf}, Them, "vouches"},
		{x509.CertificateInvalidError{Cert: leaf, Reason: x509.NotAuthorizedToSign}, Them, "not accepted"},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, Them, "does not speak TLS"},
		{errors.New("key object: the signature is wrong"), Them, "signing keys"},
		{errors.New("another thing"), Either, "not one of those known"},
	} {
		got := Explain(c.err.Error())
		if got.Side != c.side || !strings.Contains(got.Cause, c.words) || got.Advice == "" {
			t.Errorf("%v: %+v; want %s, %q", c.err, got, c.side, c.words)
		}
	}
}

func TestEveryStatusAndReasonHasAnExplanation(t *testing.T) {
	for status := 100; status < 600; status++ {
		got := Explain((&Refusal{Status: status, ErrCode: "M_X"}).Error())
		if status != http.StatusOK && strings.Contains(got.Cause, "not one of those known") {
			t.Errorf("HTTP %d has none", status)
		}
	}
}
