package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// Backlogs tells what waits for other servers in the database a configuration
// names, also while a server runs on it.
func Backlogs(ctx context.Context, cfg config.Config) ([]todevice.Backlog, error) {
	backlogs, err := sqlite.ReadBacklogs(ctx, databasePath(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		err = databaseExists(cfg) // has the words for it
	}
	return backlogs, err
}

// RetryServer has a server tried again at once, whatever it has failed before. The
// server that runs on the data folder is told; where none could be told, it is false,
// and what is stored of the failures was removed.
func RetryServer(ctx context.Context, cfg config.Config, name spec.ServerName) (told bool, err error) {
	if !todevice.ValidServerName(name) {
		return false, fmt.Errorf("%q is not a server name", name)
	}
	told, err = tell(ctx, cfg, retryPath, retryRequest{name})
	if told || err != nil {
		return told, err
	}
	return false, onDatabase(cfg, func(store *sqlite.Store) error { return store.ForgetFailures(ctx, name) })
}

// A Probe is what trying to reach a server has shown.
type Probe struct {
	Steps []remote.Step
	// Err is what it stopped at, nil if all is well.
	Err error
	// Own is set if the server is this one, as others see it; Fixed if its address was
	// not looked up, but configured.
	Own, Fixed bool
}

// ProbeServer takes all steps of reaching a server, from this process and with what
// is configured, and so also while no server runs.
func ProbeServer(ctx context.Context, cfg config.Config, name spec.ServerName) (Probe, error) {
	settings, err := remoteConfig(cfg)
	if err != nil {
		return Probe{}, err
	}
	key, err := signing.Load(keyPath(cfg))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Probe{}, err
	}
	haveKey := err == nil
	client := remote.New(settings, cfg.ServerName, key)
	defer client.Close()
	p := Probe{Own: name == cfg.ServerName}
	_, p.Fixed = settings.Hosts[name]
	p.Steps, p.Err = client.Probe(ctx, name, remote.Probing{
		Signed: haveKey,
		CheckKeys: func(object []byte) (string, error) {
			if p.Own && haveKey {
				if err := checkOwnKeys(object, name, key); err != nil {
					return "", err
				}
			}
			return checkKeys(object, name, time.Now())
		},
	})
	return p, nil
}

// checkKeys checks a server's key object, and names the keys in use.
func checkKeys(object []byte, name spec.ServerName, now time.Time) (string, error) {
	keys, err := federationapi.CheckKeyObject(object, name, now)
	if err != nil {
		return "", err
	}
	var words []string
	for _, key := range keys {
		if !key.Old {
			words = append(words, string(key.ID))
		}
	}
	return fmt.Sprintf("%s, valid until %s", strings.Join(words, ", "), keys[0].ValidUntil.UTC().Format(time.RFC3339)), nil
}

// remoteConfig says how other servers are reached.
func remoteConfig(cfg config.Config) (remote.Config, error) {
	roots, err := trustedRoots(cfg.Federation.CAFile)
	if err != nil {
		return remote.Config{}, err
	}
	return remote.Config{
		Hosts:                 cfg.Federation.Hosts,
		CAPool:                roots,
		VerifyCertificates:    cfg.Federation.VerifyCertificates,
		AllowPrivateAddresses: cfg.Federation.AllowPrivateAddresses,
		Servers:               todevice.NewServerRules(cfg.Federation.AllowServers, cfg.Federation.DenyServers),
	}, nil
}
