package config

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// playgroundApp is the file in the data folder that keeps the playground's RTM app.
const playgroundApp = "rtm-app.yaml"

// PlaygroundAppFile is the path of that file.
func (c Config) PlaygroundAppFile() string { return filepath.Join(c.DataDir, playgroundApp) }

// Playground is the configuration without a file: loopback only, registration
// open, and an RTM app besides those that commands have made. It is made at the first
// call and kept in dataDir, readable by its owner only, so that it stays the same over
// restarts. An empty dataDir is the default one.
func Playground(dataDir string) (Config, error) {
	c := Default()
	if dataDir != "" {
		c.DataDir = dataDir
	}
	c.Registration.Open = true
	path := c.PlaygroundAppFile()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = newApp()
		err = keep(path, text)
	}
	if err != nil {
		return Config{}, fmt.Errorf("keep the RTM app of the playground: %w", err)
	}
	found := newMistakes(path)
	c.RTM.Apps = make([]RTMApp, 1)
	decode(text, &c.RTM.Apps[0], appPath(0), found)
	c.readKeptApps(found)
	c.check(found)
	if err := found.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// newApp writes an RTM app with fresh secrets, as it would stand in a
// configuration. The texts are quoted: hexadecimal digits can look like a number.
func newApp() []byte {
	return fmt.Appendf(nil, `# The RTM app of the playground, made at the first start without a configuration
# file. To keep it with one, copy it there as an entry of rtm.apps. Without this
# file the next start makes a new app.
app_id: %q
certificate: %q
keys:
  - key: %q
    secret: %q
`, random(), random(), random(), random())
}

// random gives 128 bits as 32 hexadecimal digits.
func random() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // documented never to fail
	return hex.EncodeToString(bits[:])
}

// keep writes a file for the owner's eyes only, whole or not at all.
func keep(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, playgroundApp+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone already once it is renamed
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
