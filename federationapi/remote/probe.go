package remote

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/publicnet"
	"github.com/chappe-im/chappe/internal/rawjson"
)

// versionAnswerLimit is a size in bytes.
const versionAnswerLimit = 64 << 10

// A Probing is what Probe is to do besides finding a server and connecting to it.
type Probing struct {
	// CheckKeys checks a key object and says in words which keys are in it.
	CheckKeys func(object []byte) (string, error)
	// Signed has a signed request made. It needs the client's key.
	Signed bool
}

// Probe takes each step of a request to a server by itself, and gives all that were
// taken. The error is what it stopped at; nil: the server can be reached, and
// takes what this one sends. This server's own name may be probed too: that is how
// others see it.
func (c *Client) Probe(ctx context.Context, server spec.ServerName, what Probing) ([]Step, error) {
	t := new(trail)
	if err := c.admit(server); err != nil {
		return t.steps, err
	}
	routes, err := c.resolver.follow(ctx, server, t)
	if err != nil {
		return t.steps, err
	}
	if err := c.probeRoutes(ctx, routes, t); err != nil {
		return t.steps, err
	}
	for _, request := range []struct {
		name string
		make func(context.Context, spec.ServerName, Probing) (string, error)
		skip bool
	}{
		{"its keys", c.probeKeys, false},
		{"its version", c.probeVersion, false},
		{"a signed request", c.probeSigned, !what.Signed || server == c.name},
	} {
		if request.skip {
			continue
		}
		began := time.Now()
		found, err := request.make(ctx, server, what)
		if t.note(request.name, began, found, err); err != nil {
			return t.steps, err
		}
	}
	return t.steps, nil
}

// probeRoutes connects to one after another, until one is good.
func (c *Client) probeRoutes(ctx context.Context, routes []route, t *trail) error {
	var failures []error
	for _, to := range routes {
		c.probeAddresses(ctx, to, t)
		err := c.probeRoute(ctx, to, t)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// probeAddresses notes what addresses a route's host has, and which are refused.
func (c *Client) probeAddresses(ctx context.Context, to route, t *trail) {
	host, _, err := net.SplitHostPort(to.address)
	if _, notLiteral := netip.ParseAddr(host); err != nil || notLiteral == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.dial)
	defer cancel()
	began := time.Now()
	addresses, err := c.network.names.LookupNetIP(ctx, "ip", host)
	var words []string
	for _, address := range addresses {
		word := address.Unmap().String()
		if !to.configured && !c.cfg.AllowPrivateAddresses && !publicnet.Contains(address) {
			word += " (refused: private or reserved)"
		}
		words = append(words, word)
	}
	t.note("addresses of "+host, began, strings.Join(words, ", "), err)
}

func (c *Client) probeRoute(ctx context.Context, to route, t *trail) error {
	ctx, cancel := context.WithTimeout(ctx, c.limits.connect)
	defer cancel()
	began := time.Now()
	plain, err := c.network.dial(ctx, to.address, to.configured)
	if err != nil {
		t.note("connection to "+to.address, began, "", err)
		return err
	}
	t.note("connection to "+to.address, began, "open to "+plain.RemoteAddr().String(), nil)
	began = time.Now()
	found, err := c.probeTLS(ctx, plain, to.tlsName)
	t.note("certificate for "+to.tlsName, began, found, err)
	return err
}

// probeTLS says what certificate a server has, also where it is not trusted.
func (c *Client) probeTLS(ctx context.Context, plain net.Conn, name string) (string, error) {
	defer func() { _ = plain.Close() }() // it was a trial
	unchecked := c.tls(name)
	unchecked.InsecureSkipVerify = true // it is checked below
	secure := tls.Client(plain, unchecked)
	if err := secure.HandshakeContext(ctx); err != nil {
		return "", fmt.Errorf("TLS for %s: %w", name, err)
	}
	chain := secure.ConnectionState().PeerCertificates
	found := certificateWords(chain[0], time.Now())
	if !c.cfg.VerifyCertificates {
		return found + "; not checked: federation.verify_certificates is off", nil
	}
	if err := verify(chain, c.cfg.CAPool, name); err != nil {
		return found, fmt.Errorf("TLS for %s: %w", name, err)
	}
	return found, nil
}

func (c *Client) probeKeys(ctx context.Context, server spec.ServerName, what Probing) (string, error) {
	object, err := c.publishedKeys(ctx, server)
	if err != nil {
		return "", err
	}
	return what.CheckKeys(object)
}

// https://spec.matrix.org/v1.15/server-server-api/#get_matrixfederationv1version
func (c *Client) probeVersion(ctx context.Context, server spec.ServerName, _ Probing) (string, error) {
	got, err := c.get(ctx, server, "/_matrix/federation/v1/version", versionAnswerLimit)
	if err != nil {
		return "", err
	}
	if got.status != http.StatusOK {
		return "", refusal(got)
	}
	members, _ := rawjson.Object(got.body)
	software, _ := rawjson.Object(members["server"])
	name, _ := rawjson.Text(software["name"])
	version, _ := rawjson.Text(software["version"])
	if name == "" {
		return "not said", nil
	}
	return printable(name + " " + version), nil
}

// probeSigned sends a transaction with nothing in it: the very request that the
// queue makes, which shows whether the server knows this one's key and takes what
// it sends.
func (c *Client) probeSigned(ctx context.Context, server spec.ServerName, _ Probing) (string, error) {
	body, err := json.Marshal(map[string]any{
		"origin": c.name, "origin_server_ts": time.Now().UnixMilli(), "edus": []struct{}{}, "pdus": []struct{}{},
	})
	if err == nil {
		err = c.SendTransaction(ctx, server, "probe-"+rand.Text(), body)
	}
	if err != nil {
		return "", err
	}
	return "taken", nil
}

// printable is what a stranger wrote, without what would confuse a terminal.
func printable(words string) string {
	quoted := strconv.QuoteToGraphic(words[:min(len(words), 200)])
	return quoted[1 : len(quoted)-1]
}
