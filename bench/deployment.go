package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/selfsigned"
)

// A deployment is a folder with what one Chappe needs: configuration, certificate
// and database.
type deployment struct {
	dir                string
	name               spec.ServerName
	client, federation string // host:port
	// peer is another server that is known and whose certificate is trusted, or nil.
	peer *deployment
	// more is added to the configuration.
	more string
}

func newDeployment(dir string, name spec.ServerName) (*deployment, error) {
	d := &deployment{dir: dir, name: name}
	var err error
	if d.client, err = freeAddress(); err != nil {
		return nil, err
	}
	if d.federation, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.data(), 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	err = selfsigned.Ensure(d.certificate(), d.key(), name)
	return d, err
}

func (d *deployment) configFile() string  { return filepath.Join(d.dir, "config.yaml") }
func (d *deployment) data() string        { return filepath.Join(d.dir, "data") }
func (d *deployment) database() string    { return filepath.Join(d.data(), "chappe.db") }
func (d *deployment) certificate() string { return filepath.Join(d.dir, "tls.crt") }
func (d *deployment) key() string         { return filepath.Join(d.dir, "tls.key") }

// prepare writes the configuration and the users.
func (d *deployment) prepare(ctx context.Context, users []person) error {
	var config bytes.Buffer
	fmt.Fprintf(&config, `server_name: %q
data_dir: %q
client:
  listen: %q
rate_limits:
  enabled: false
log:
  level: warning
federation:
  allow_private_addresses: true
  listen: %q
  tls_cert: %q
  tls_key: %q
`, d.name, d.data(), d.client, d.federation, d.certificate(), d.key())
	if d.peer != nil {
		fmt.Fprintf(&config, "  ca_file: %q\n  hosts:\n    %q: %q\n", d.peer.certificate(), d.peer.name, d.peer.federation)
	}
	config.WriteString(d.more)
	if err := os.WriteFile(d.configFile(), config.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	// The name of the file is the server's own business, and known here only to
	// spare it the making of thousands of accounts by its API.
	return register(ctx, d.database(), d.name, users)
}
