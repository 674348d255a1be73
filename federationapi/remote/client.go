// Package remote reaches other servers: it finds them by their names, connects to
// them safely and makes signed requests.
//
// https://spec.matrix.org/v1.15/server-server-api/#server-discovery
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// requestTimeout bounds a request to another server, its answer included. It is
	// generous: a server that is only slow would otherwise get everything twice.
	requestTimeout = 60 * time.Second
	// connectTimeout bounds the making of a connection, dialTimeout of that the TCP
	// part for one address.
	connectTimeout = 20 * time.Second
	dialTimeout    = 10 * time.Second
	idleTimeout    = 90 * time.Second
	// keyAnswerLimit and sendAnswerLimit are the sizes in bytes up to which answers
	// are read.
	keyAnswerLimit  = 256 << 10
	sendAnswerLimit = 1 << 20
	headerLimit     = 64 << 10
)

// Config says how other servers are reached.
type Config struct {
	// Hosts gives servers their host:port, before any discovery. These addresses may
	// be private ones.
	Hosts map[spec.ServerName]string
	// CAPool holds the roots to trust, nil for the system's.
	CAPool *x509.CertPool
	// VerifyCertificates is false only in tests and closed networks.
	VerifyCertificates bool
	// AllowPrivateAddresses lets names lead to loopback and private ranges.
	AllowPrivateAddresses bool
	// Transport carries the requests, addressed by the servers' names, instead of
	// connections of our own to where they lead; nil but in tests.
	Transport http.RoundTripper
}

// A Client makes requests to other servers by their names, and signs them.
type Client struct {
	name     spec.ServerName // ours
	key      signing.Key
	cfg      Config
	resolver *resolver
	http     http.Client
}

// New makes the client of the server of this name.
func New(cfg Config, name spec.ServerName, key signing.Key) *Client {
	c := &Client{name: name, key: key, cfg: cfg}
	c.resolver = newResolver(cfg.Hosts, &wellKnown{http: http.Client{
		Transport: &http.Transport{
			DialContext:            c.dialer(false).DialContext,
			TLSClientConfig:        c.tls(""),
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: headerLimit,
		},
		Timeout:       wellKnownTimeout,
		CheckRedirect: onlyHTTPS,
	}})
	c.http = http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.http.Transport == nil {
		c.http.Transport = &http.Transport{
			DialTLSContext:         c.dialTLS,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    1,
			MaxIdleConns:           1000,
			MaxResponseHeaderBytes: headerLimit,
		}
	}
	return c
}

// Close gives up the connections that are kept open for later requests.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// An answer is what another server said.
type answer struct {
	status int
	header http.Header
	// body was read up to a limit; whole tells whether that is all of it.
	body  []byte
	whole bool
}

// ServerKeys gives the object in which a server publishes its keys, unchecked.
func (c *Client) ServerKeys(ctx context.Context, server spec.ServerName) ([]byte, error) {
	got, err := c.do(ctx, http.MethodGet, server, "/_matrix/key/v2/server", nil, keyAnswerLimit)
	switch {
	case err != nil:
		return nil, err
	case got.status != http.StatusOK:
		return nil, refusal(got)
	case !got.whole:
		return nil, errors.New("the answer is too long or broke off")
	}
	return got.body, nil
}

// SendTransaction brings a transaction to a server and returns once the server
// has confirmed it. It fails with a *Refusal if the server gave another answer.
//
// https://spec.matrix.org/v1.15/server-server-api/#put_matrixfederationv1sendtxnid
func (c *Client) SendTransaction(ctx context.Context, server spec.ServerName, txnID string, body json.RawMessage) error {
	uri := "/_matrix/federation/v1/send/" + url.PathEscape(txnID)
	got, err := c.do(ctx, http.MethodPut, server, uri, body, sendAnswerLimit)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK {
		return refusal(got)
	}
	return nil // what it says of PDUs does not concern us: there were none
}

// do makes a signed request and reads the answer.
func (c *Client) do(ctx context.Context, method string, server spec.ServerName, uri string, body json.RawMessage, limit int64) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := c.request(ctx, method, server, uri, body)
	if err != nil {
		return answer{}, fmt.Errorf("make the request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			c.resolver.forget(server) // it may have moved
		}
		return answer{}, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }() // read as far as it is wanted
	got := answer{status: response.StatusCode, header: response.Header}
	got.body, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	got.whole = err == nil && int64(len(got.body)) <= limit
	return got, nil
}

// request makes the signed request, addressed by the server's own name: where that
// leads to is found out in dialTLS.
func (c *Client) request(ctx context.Context, method string, server spec.ServerName, uri string, body json.RawMessage) (*http.Request, error) {
	if server == c.name || !todevice.ValidServerName(server) || strings.HasSuffix(string(server), noPort) {
		return nil, errors.New("not the name of another server")
	}
	routes, err := c.resolver.routes(ctx, server)
	if err != nil {
		return nil, err
	}
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+authority(server)+uri, content)
	if err != nil {
		return nil, err
	}
	if request.URL.RequestURI() != uri {
		return nil, errors.New("the path does not go out as it is signed")
	}
	request.Host = routes[0].host
	// An empty key is not sent. It tells the transport that it may repeat the request
	// on a new connection when the server closed the idle one.
	request.Header["Idempotency-Key"] = nil
	request.Header.Set("User-Agent", "Chappe")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, c.sign(request, server, uri, body)
}

func (c *Client) sign(request *http.Request, server spec.ServerName, uri string, body json.RawMessage) error {
	target := signing.Request{Destination: server, Method: request.Method, Origin: c.name, URI: uri}
	message, err := target.Message(body)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	header := signing.Credential{Origin: c.name, Destination: server, Key: c.key.ID, Signature: c.key.Sign(message)}
	request.Header.Set("Authorization", header.String())
	return nil
}

// withoutURL takes the URL off an error: the log names the server.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

func (c *Client) tls(name string) *tls.Config {
	return &tls.Config{
		ServerName:         name,
		RootCAs:            c.cfg.CAPool,
		InsecureSkipVerify: !c.cfg.VerifyCertificates,
		MinVersion:         tls.VersionTLS12,
	}
}

// dialer gives the dialer for an address that was found, or configured.
func (c *Client) dialer(configured bool) *net.Dialer {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !configured && !c.cfg.AllowPrivateAddresses {
		dialer.Control = refusePrivate
	}
	return dialer
}
