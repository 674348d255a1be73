package simulation

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/crashdisk"
	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/server"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// A node is a machine with one server: its disk, and the server while it runs.
type node struct {
	name   spec.ServerName
	folder string
	bug    Bug
	disk   *crashdisk.Disk
	chance chance
	tally  *tally
	net    *network
	hosts  map[spec.ServerName]string

	mu       sync.Mutex
	instance *instance     // guarded by mu; nil while the server is down
	ahead    time.Duration // the node's clock; guarded by mu
}

// now is the time of day the node's clock shows.
func (n *node) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Round(0).Add(n.ahead) // no reading of the clock that nobody can move
}

// moveClock moves the node's clock to so much ahead of the right time, or behind it.
func (n *node) moveClock(ahead time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead = ahead
}

// An instance is a server from its start to its end.
type instance struct {
	forClients, forServers http.Handler
	// dead is closed when the server crashes: nobody hears of it any more.
	dead  chan struct{}
	stop  context.CancelFunc
	ended chan error
}

// running gives the server, nil while it is down.
func (n *node) running() *instance {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.instance
}

func (n *node) database() string { return filepath.Join(n.folder, "data", "chappe.db") }

// prepare makes the disk, the accounts and their devices, and gives the access
// tokens.
func (n *node) prepare(devices []testserver.Device) (tokens map[testserver.Device]string, err error) {
	if err := os.MkdirAll(filepath.Dir(n.database()), 0o700); err != nil {
		return nil, err
	}
	if n.disk, err = crashdisk.New(n.folder); err != nil {
		return nil, err
	}
	store, err := sqlite.Open(n.database(), sqlite.Options{ServerName: n.name, Driver: n.bug.driver()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }()
	tokens = make(map[testserver.Device]string)
	for _, d := range devices {
		user, err := todevice.ParseUserID(d.User)
		if err != nil || user.Server != n.name {
			continue
		}
		if d.ID == "D1" {
			if err := store.CreateUser(context.Background(), todevice.Account{Localpart: user.Localpart}); err != nil {
				return nil, err
			}
		}
		token := fmt.Sprintf("token of %s", d)
		if _, err := store.Login(context.Background(), user.Localpart, todevice.Login{DeviceID: d.ID, Token: token}); err != nil {
			return nil, err
		}
		tokens[d] = token
	}
	return tokens, n.bug.plant(n.database())
}

// start starts the server.
func (n *node) start() error {
	log := logrus.New()
	log.SetOutput(io.Discard)
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir = n.name, filepath.Dir(n.database())
	cfg.Client.Listen, cfg.Federation.Listen = "", ""
	cfg.RateLimits.Enabled = false
	cfg.Federation.Hosts = n.hosts
	s, err := server.NewIn(server.Environment{
		Driver: n.bug.driver(), Transport: n.net.from(string(n.name)), Now: n.now, Chance: n.random(),
	}, cfg, logrus.NewEntry(log))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	i := &instance{
		forClients: s.ClientHandler(), forServers: s.FederationHandler(),
		dead: make(chan struct{}), stop: stop, ended: make(chan error, 1),
	}
	go func() { i.ended <- s.Run(ctx) }()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.instance = i
	return nil
}

// random gives the numbers a server takes its back-off from.
func (n *node) random() func() float64 {
	var mu sync.Mutex
	c := chance{chanceOf(n.chance.Uint64(), "back-off").Rand}
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return c.Float64()
	}
}

// end ends the server: with its time to finish, or as if the power had gone.
func (n *node) end(crash bool) error {
	n.mu.Lock()
	i := n.instance
	n.instance = nil
	n.mu.Unlock()
	if i == nil {
		return nil
	}
	if crash {
		n.disk.PowerOff()
		close(i.dead)
	}
	i.stop()
	err := <-i.ended
	if !crash {
		return err
	}
	lost, err := n.disk.PowerOn(n.chance.Uint64())
	n.tally.note(changeUndone, lost, "%s", n.name)
	return err
}

// crash ends the server, leaves it off for a while and starts it again, as often as
// that fails.
func (n *node) crash(off time.Duration) error {
	if err := n.end(true); err != nil {
		return err
	}
	time.Sleep(off)
	for {
		failed := n.disk.State().Failed
		err := n.start()
		if err == nil {
			n.tally.say("%s is back", n.name)
			return nil
		}
		switch state := n.disk.State(); {
		case state.Off:
			if _, err := n.disk.PowerOn(n.chance.Uint64()); err != nil {
				return err
			}
		case state.Failed == failed: // the disk did its part
			return fmt.Errorf("%s does not start again: %w", n.name, err)
		}
		time.Sleep(time.Second)
	}
}
