package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/server"
)

type keysShow struct {
	configFlag
}

// Run prints the keys.
func (c *keysShow) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return printKeys(os.Stdout, cfg)
}

type keysRotate struct {
	configFlag
}

// Run replaces the signing key.
func (c *keysRotate) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := server.RotateKey(cfg, time.Now()); err != nil {
		return err
	}
	fmt.Println("The signing key is a new one. If the server runs, restart it: until then it signs with the old one.")
	return printKeys(os.Stdout, cfg)
}

func printKeys(out io.Writer, cfg config.Config) error {
	keys, err := server.Keys(cfg)
	for _, key := range keys {
		state := "in use"
		if !key.Expired.IsZero() {
			state = "replaced " + key.Expired.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%s %s %s\n", key.ID, key.Key, state)
	}
	return err
}
