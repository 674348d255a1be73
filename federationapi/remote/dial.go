package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A network is what connections go out by. Tests have one of their own.
type network struct {
	// names looks names up, nil for the system's way.
	names *net.Resolver
	// refuse is told the final address of each connection that is not configured.
	refuse func(network, address string, _ syscall.RawConn) error
	// dial connects to host:port, which was configured or found.
	dial func(ctx context.Context, address string, configured bool) (net.Conn, error)
}

// noPort is put to a server name without a port, since the transport would put
// 443, and so keep one connection for two servers: example.org is looked up where
// example.org:443 is not.
const noPort = ":0"

// authority gives the URL authority that stands for a server in the transport.
func authority(server spec.ServerName) string {
	if _, port, _ := spec.ParseAndValidateServerName(server); port < 0 {
		return string(server) + noPort
	}
	return string(server)
}

// dialTLS connects to the server an authority stands for. Each connection belongs
// to one server name, as its certificate was checked for that one.
func (c *Client) dialTLS(ctx context.Context, _, address string) (net.Conn, error) {
	server := spec.ServerName(strings.TrimSuffix(address, noPort))
	routes, err := c.routes(ctx, server)
	if err != nil {
		return nil, err
	}
	// One that hangs must leave time for the next, within that of the request.
	patience := min(c.limits.connect, c.limits.request/time.Duration(len(routes)+1))
	var failures []error
	for _, route := range routes {
		conn, err := c.connect(ctx, route, patience)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	c.resolver.forget(server)
	return nil, errors.Join(failures...)
}

func (c *Client) routes(ctx context.Context, server spec.ServerName) ([]route, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.connect)
	defer cancel()
	return c.resolver.routes(ctx, server)
}

func (c *Client) connect(ctx context.Context, to route, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	plain, err := c.network.dial(ctx, to.address, to.configured)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(plain, c.tls(to.tlsName))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS for %s: %w", to.tlsName, err), plain.Close())
	}
	return secure, nil
}

// dial connects to an address that was found, or configured.
func (c *Client) dial(ctx context.Context, address string, configured bool) (net.Conn, error) {
	dialer := net.Dialer{Timeout: c.limits.dial, Resolver: c.network.names}
	if !configured && !c.cfg.AllowPrivateAddresses {
		dialer.Control = c.network.refuse
	}
	return dialer.DialContext(ctx, "tcp", address)
}
