package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/selfsigned"
	"github.com/chappe-im/chappe/server"
)

// The RTM app both servers have.
var app = config.RTMApp{
	ID:   "0123456789abcdef0123456789abcdef",
	Keys: []config.RTMKey{{Key: "demo", Secret: "demo"}},
}

// A node is one running server.
type node struct {
	name   spec.ServerName
	server *server.Server
	stop   context.CancelFunc
	ended  chan error
}

// startServers starts servers that know one another's addresses and certificates.
func startServers(dir string, names []spec.ServerName, hops *hops) ([]*node, error) {
	hosts := make(map[spec.ServerName]string)
	roots := filepath.Join(dir, "roots.pem")
	var pem []byte
	for _, name := range names {
		certificate := filepath.Join(dir, string(name)+".crt")
		if err := selfsigned.Ensure(certificate, keyFile(certificate), name); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(certificate)
		if err != nil {
			return nil, err
		}
		pem = append(pem, text...)
		if hosts[name], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(roots, pem, 0o600); err != nil {
		return nil, err
	}
	var nodes []*node
	for _, name := range names {
		cfg := config.Default()
		cfg.ServerName = name
		cfg.DataDir = filepath.Join(dir, string(name))
		cfg.Client.Listen = "127.0.0.1:0"
		cfg.Federation.Listen = hosts[name]
		cfg.Federation.TLSCert = filepath.Join(dir, string(name)+".crt")
		cfg.Federation.TLSKey = keyFile(cfg.Federation.TLSCert)
		cfg.Federation.CAFile = roots
		cfg.Federation.Hosts = hosts
		cfg.Registration.Open = true
		cfg.RTM.Apps = []config.RTMApp{app}
		n, err := start(cfg, hops)
		if err != nil {
			return nil, errors.Join(err, stopServers(nodes))
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func keyFile(certificate string) string { return strings.TrimSuffix(certificate, ".crt") + ".key" }

// freeAddress finds a port for a server whose address the others must know before
// it starts.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func start(cfg config.Config, hops *hops) (*node, error) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetLevel(logrus.DebugLevel)
	log.AddHook(&logHook{server: string(cfg.ServerName), hops: hops})
	s, err := server.New(cfg, logrus.NewEntry(log))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &node{name: cfg.ServerName, server: s, stop: stop, ended: make(chan error, 1)}
	go func() { n.ended <- s.Run(ctx) }()
	return n, nil
}

func stopServers(nodes []*node) error {
	var errs []error
	for _, n := range nodes {
		n.stop()
		errs = append(errs, <-n.ended)
	}
	return errors.Join(errs...)
}
