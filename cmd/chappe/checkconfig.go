package main

import "fmt"

type checkConfig struct {
	configFlag
}

// Run reports on the configuration.
func (c *checkConfig) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings() {
		fmt.Println("warning:", warning)
	}
	fmt.Printf("The configuration is right: server %s, data in %s.\n", cfg.ServerName, cfg.DataDir)
	return nil
}
