package config

import (
	"fmt"
	"os"
)

// Load reads and checks a configuration file, and the RTM apps that commands keep in
// its data folder. All mistakes in them come as one error that names the line of each;
// it never shows a secret.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return parse(path, data)
}

// Parse is [Load] for a text that is no file. Files it names are still read.
func Parse(yaml []byte) (Config, error) {
	return parse("", yaml)
}

func parse(file string, data []byte) (Config, error) {
	c := Default()
	found := newMistakes(file)
	decode(data, &c, "", found)
	if !found.states("server_name") && c.reachable() {
		found.add("server_name", "missing: name this server, for instance example.org. "+
			"It may be left out only while client.listen and federation.listen are loopback addresses")
	}
	c.readKeptApps(found)
	c.check(found)
	if err := found.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}
