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
	"github.com/chappe-im/chappe/internal/publicnet"
	"github.com/chappe-im/chappe/todevice"
)

const (
	idleTimeout = 90 * time.Second
	// keyAnswerLimit and sendAnswerLimit are the sizes in bytes up to which answers
	// are read.
	keyAnswerLimit  = 256 << 10
	sendAnswerLimit = 1 << 20

	keysPath = "/_matrix/key/v2/server"
)

// limits are what another server may take of us.
type limits struct {
	// request bounds a request, its answer included. It is generous: a server that is
	// only slow would otherwise get everything twice.
	request time.Duration
	// connect bounds the making of a connection, TLS included, and dial of that the
	// part before TLS, for all addresses of a name.
	connect, dial time.Duration
	// wellKnown bounds the reading of a well-known file, its redirects included.
	wellKnown time.Duration
	// headers is the size of an answer's headers in bytes.
	headers int64
}

func usual() limits {
	return limits{
		request:   60 * time.Second,
		connect:   20 * time.Second,
		dial:      10 * time.Second,
		wellKnown: 10 * time.Second,
		headers:   64 << 10,
	}
}

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
	// Servers are those that requests may go to.
	Servers todevice.ServerRules
	// Transport carries the requests, addressed by the servers' names, instead of
	// connections of our own to where Hosts lead; nil but in tests.
	Transport http.RoundTripper
}

// ErrDenied: the server is one this one is to have nothing to do with. No request
// was made, nor its name looked up.
var ErrDenied = errors.New("the server is denied by the configuration")

// A Client makes requests to other servers by their names, and signs them.
type Client struct {
	name     spec.ServerName // ours
	key      signing.Key
	cfg      Config
	limits   limits
	resolver *resolver
	http     http.Client
	network  network
}

// New makes the client of the server of this name.
func New(cfg Config, name spec.ServerName, key signing.Key) *Client {
	return newClient(cfg, name, key, usual())
}

func newClient(cfg Config, name spec.ServerName, key signing.Key, limits limits) *Client {
	c := &Client{name: name, key: key, cfg: cfg, limits: limits, network: network{refuse: publicnet.RefusePrivate}}
	c.network.dial = c.dial
	files := &wellKnown{http: http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				return c.network.dial(ctx, address, false)
			},
			TLSClientConfig:        c.tls(""),
			TLSHandshakeTimeout:    limits.wellKnown, // it goes on when its request is given up
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: limits.headers,
		},
		Timeout:       limits.wellKnown,
		CheckRedirect: onlyHTTPS,
	}}
	c.resolver = newResolver(cfg.Hosts, files.delegate, func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
		return c.network.names.LookupSRV(ctx, service, proto, name)
	})
	c.http = http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.http.Transport == nil {
		c.http.Transport = newConnections(&http.Transport{
			DialTLSContext:         c.dialTLS,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    1,
			MaxIdleConns:           1000,
			MaxResponseHeaderBytes: limits.headers,
		})
	}
	return c
}

// Forget has a server looked up anew at the next request, whatever is known of it.
func (c *Client) Forget(server spec.ServerName) {
	c.resolver.found.drop(server)
	c.resolver.delegations.drop(server)
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
	got, err := c.do(ctx, http.MethodGet, server, keysPath, nil, keyAnswerLimit)
	if err != nil {
		return nil, err
	}
	return publishedIn(got)
}

func publishedIn(got answer) ([]byte, error) {
	switch {
	case got.status != http.StatusOK:
		return nil, refusal(got)
	case !got.whole:
		return nil, errors.New("the answer is too long or broke off")
	}
	return got.body, nil
}

// ErrFixedAddress: where a name leads to is not looked up, but configured.
var ErrFixedAddress = errors.New("the server has a fixed address in the configuration")

// OwnKeys gives the key object that other servers are given when they look this
// one's name up and ask for its keys, unchecked: whoever answers there is this
// server to them.
func (c *Client) OwnKeys(ctx context.Context) ([]byte, error) {
	if _, ok := c.cfg.Hosts[c.name]; ok {
		return nil, ErrFixedAddress
	}
	return c.publishedKeys(ctx, c.name)
}

func (c *Client) publishedKeys(ctx context.Context, server spec.ServerName) ([]byte, error) {
	got, err := c.get(ctx, server, keysPath, keyAnswerLimit)
	if err != nil {
		return nil, err
	}
	return publishedIn(got)
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
	ctx, cancel := context.WithTimeout(ctx, c.limits.request)
	defer cancel()
	if server == c.name {
		return answer{}, fmt.Errorf("make the request: %w", errNotAnother)
	}
	request, err := c.request(ctx, method, server, uri, body)
	if err == nil {
		err = c.sign(request, server, uri, body)
	}
	if err != nil {
		return answer{}, fmt.Errorf("make the request: %w", err)
	}
	return c.exchange(request, server, limit)
}

// get makes a request that needs no signature, to this server's own name too.
func (c *Client) get(ctx context.Context, server spec.ServerName, uri string, limit int64) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.request)
	defer cancel()
	request, err := c.request(ctx, http.MethodGet, server, uri, nil)
	if err != nil {
		return answer{}, fmt.Errorf("make the request: %w", err)
	}
	return c.exchange(request, server, limit)
}

// exchange sends a request and reads the answer.
func (c *Client) exchange(request *http.Request, server spec.ServerName, limit int64) (answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		if request.Context().Err() == nil {
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

var errNotAnother = errors.New("not the name of another server")

// request makes a request, addressed by the server's own name: where that leads to
// is found out in dialTLS.
func (c *Client) request(ctx context.Context, method string, server spec.ServerName, uri string, body json.RawMessage) (*http.Request, error) {
	if err := c.admit(server); err != nil {
		return nil, err
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
	// on a new connection when the server closed the idle one. Keys are claimed once.
	if uri != claimURI {
		request.Header["Idempotency-Key"] = nil
	}
	request.Header.Set("User-Agent", "Chappe")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// admit refuses what is no server name, or a denied one.
func (c *Client) admit(server spec.ServerName) error {
	if !todevice.ValidServerName(server) || strings.HasSuffix(string(server), noPort) {
		return errNotAnother
	}
	if server != c.name && !c.cfg.Servers.Admit(server) {
		return ErrDenied
	}
	return nil
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
