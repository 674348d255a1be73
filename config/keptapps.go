package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/chappe-im/chappe/internal/files"
)

const (
	// keptApps is the file in the data folder with the RTM apps that commands have made.
	keptApps     = "rtm-apps.yaml"
	keptAppsLock = "rtm-apps.lock"
)

const keptAppsBegin = `# RTM apps made by "chappe rtm app add", which writes this file anew and with it what
# else stands here. To move one into a configuration, cut it out here and insert it
# there as an entry of rtm.apps.
`

// KeptAppsFile is the path of the file with the apps of [Config.AddApp].
func (c Config) KeptAppsFile() string { return filepath.Join(c.DataDir, keptApps) }

// WithKeptApps is c with the RTM apps that are kept now, in the place of those that
// were when it was read.
func (c Config) WithKeptApps() (Config, error) {
	found := newMistakes("")
	c.RTM.Apps = slices.DeleteFunc(slices.Clone(c.RTM.Apps), func(app RTMApp) bool { return app.Kept })
	c.readKeptApps(found)
	c.RTM.check(c.ServerName, found)
	return c, found.err()
}

// readKeptApps adds the apps that are kept to those of the configuration.
func (c *Config) readKeptApps(found *mistakes) {
	if c.DataDir == "" {
		return // which is told of
	}
	text, err := os.ReadFile(c.KeptAppsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	configured := len(c.RTM.Apps)
	found.in(c.KeptAppsFile(), func() {
		if err != nil {
			found.at(0, "the RTM apps cannot be read: "+errors.Unwrap(err).Error()) // the path is told already
			return
		}
		found.note("rtm.apps", 0)
		decode(text, &c.RTM.Apps, "rtm.apps", found)
	})
	for i := range c.RTM.Apps[configured:] {
		c.RTM.Apps[configured+i].Kept = true
	}
}

// AddApp makes an RTM app with fresh secrets and keeps it in the data folder, readable
// by its owner only. A namespace of nil is the one of [RTMApp.UserPrefix]. The app is
// on disk when there is no error, and belongs to the configuration from the next
// [Load] on. It is refused if the configuration would not be right with it.
func (c Config) AddApp(namespace *string) (RTMApp, error) {
	app := RTMApp{
		ID: random(), Certificate: random(), Namespace: namespace,
		Keys: []RTMKey{{Key: random(), Secret: random()}}, Kept: true,
	}
	err := c.changeKept(func(apps []RTMApp) ([]RTMApp, error) { return append(apps, app), nil })
	if err != nil {
		return RTMApp{}, fmt.Errorf("add an RTM app: %w", err)
	}
	return app, nil
}

// RotateApp gives an app of [Config.AddApp] a fresh certificate, if that is asked for,
// and fresh secrets to the named ones of its keys. On disk it replaces the app as
// AddApp adds one.
func (c Config) RotateApp(id string, certificate bool, keys []string) (app RTMApp, err error) {
	err = c.changeKept(func(apps []RTMApp) ([]RTMApp, error) {
		i := slices.IndexFunc(apps, func(app RTMApp) bool { return app.Kept && app.ID == id })
		if i < 0 {
			return nil, errors.New("no command has made it")
		}
		app = apps[i]
		app.Keys = slices.Clone(app.Keys)
		if certificate {
			app.Certificate = random()
		}
		for _, name := range keys {
			j := slices.IndexFunc(app.Keys, func(key RTMKey) bool { return key.Key == name })
			if j < 0 {
				return nil, fmt.Errorf("it has no key of the name that was given; it has %s", strings.Join(app.KeyNames(), ", "))
			}
			app.Keys[j].Secret = random()
		}
		apps[i] = app
		return apps, nil
	})
	if err != nil {
		return RTMApp{}, fmt.Errorf("rotate secrets of the RTM app %s: %w", id, err)
	}
	return app, nil
}

// changeKept changes the apps as they are now, those of the configuration among them.
// Of two changes at once the second begins with what the first has left.
func (c Config) changeKept(change func([]RTMApp) ([]RTMApp, error)) (err error) {
	lock, err := lockKeptApps(c.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if c, err = c.WithKeptApps(); err != nil {
		return err
	}
	if c.RTM.Apps, err = change(c.RTM.Apps); err != nil {
		return err
	}
	found := newMistakes("")
	c.RTM.check(c.ServerName, found)
	if err := found.err(); err != nil {
		return err
	}
	kept := slices.DeleteFunc(c.RTM.Apps, func(app RTMApp) bool { return !app.Kept })
	text := keptAppsBegin + encode(reflect.ValueOf(kept), "") + "\n"
	return files.Write(c.KeptAppsFile(), []byte(text), 0o600)
}

// lockKeptApps waits until no other process changes the apps. Closing the file ends the
// lock, and so does the end of the process.
func lockKeptApps(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(folder, keptAppsLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock the RTM apps: %w", err), lock.Close())
		}
		return lock, nil
	}
}
