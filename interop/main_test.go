//go:build synapse

// Package interop holds tests of Chappe beside Synapse, both real processes on
// loopback that check each other's certificates and signatures. They need a Synapse,
// so they are built with the tag synapse only, and started by run.sh here.
package interop

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/selfsigned"
	"github.com/chappe-im/chappe/internal/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

const (
	// soon bounds what waits for nothing but the two servers, one of which may be slow.
	soon = 90 * time.Second
	// late bounds what waits for the next attempts of a server that failed some times.
	late = 5 * time.Minute
)

// within gives a context that ends after a time, or with the test.
func within(t *testing.T, patience time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A home is a server of either kind.
type home interface {
	Name() spec.ServerName
	// FederationAddress is the host:port other servers reach it at.
	FederationAddress() string
	// Client gives a client that is not logged in.
	Client() *testserver.Client
	// Device gives the client of a new device, and registers the user at the first.
	Device(localpart, deviceID string) *testserver.Client
	Start()
	Stop()
	Kill()
}

// A chappe is Chappe, as the other tests have it.
type chappe struct{ *testserver.Server }

func (c chappe) FederationAddress() string {
	return c.FederationURL()[len("https://"):]
}

// A pair is one server of each kind. They know and trust each other, and nobody
// else.
type pair struct {
	chappe  chappe
	synapse *synapse
}

// newPair starts both. The settings are Synapse's, besides those every test needs.
func newPair(t *testing.T, settings map[string]any) pair {
	t.Helper()
	s := prepareSynapse(t, settings)
	certify(t, s.folder, "synapse", synapseName)
	certify(t, s.folder, "chappe", "localhost")
	c := testserver.New(t, func(c *config.Config) {
		// Synapse has no list of hosts: it must find Chappe by its name alone.
		c.ServerName = spec.ServerName("localhost:" + port(t, c.Federation.Listen))
		c.Federation.TLSCert = filepath.Join(s.folder, "chappe.crt")
		c.Federation.TLSKey = filepath.Join(s.folder, "chappe.key")
		c.Federation.CAFile = filepath.Join(s.folder, "synapse.crt")
		c.Federation.Hosts = map[spec.ServerName]string{synapseName: s.federation}
	})
	s.Start()
	t.Logf("Synapse %s", s.version())
	return pair{chappe: chappe{c}, synapse: s}
}

// certify makes a self-signed certificate and its key.
func certify(t *testing.T, folder, name string, server spec.ServerName) {
	t.Helper()
	certificate, key := filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key")
	if err := selfsigned.Ensure(certificate, key, server); err != nil {
		t.Fatalf("make the certificate of %s: %v", server, err)
	}
}

// A way is one of the two directions.
type way struct {
	name     string
	from, to home
}

func (p pair) ways() []way {
	return []way{
		{"Chappe to Synapse", p.chappe, p.synapse},
		{"Synapse to Chappe", p.synapse, p.chappe},
	}
}
