package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// Validate checks a configuration that was put together in Go. [Load], [Parse] and
// [Playground] have done so already. The error holds all mistakes.
func (c Config) Validate() error {
	found := newMistakes("")
	c.check(found)
	return found.err()
}

func (c Config) check(found *mistakes) {
	if !todevice.ValidServerName(c.ServerName) {
		found.add("server_name", "not a Matrix server name; want a DNS name or an IP address, "+
			"with a port if it is not 8448, for instance example.org")
	}
	if c.DataDir == "" {
		found.add("data_dir", "name the folder to keep the database and the keys in")
	}
	c.checkDatabase(found)
	c.checkListeners(found)
	if c.Client.BaseURL != "" && !validBaseURL(c.Client.BaseURL) {
		found.add("client.base_url", "want the http:// or https:// URL of this server, "+
			"without a slash at its end, a query or a password")
	}
	c.Client.checkProxies(found)
	c.checkLimits(found)
	c.Federation.checkHosts(found)
	c.Federation.checkServers(c.ServerName, found)
	c.Federation.checkFiles(found)
	if c.Federation.MaxBackoff < time.Second {
		found.add("federation.max_backoff", "want 1s or more")
	}
	if after := c.Federation.GiveUpAfter; after != 0 && after < time.Hour {
		found.add("federation.give_up_after", "want 1h or more, or 0 for never")
	}
	c.RTM.check(c.ServerName, found)
	c.TURN.check(found)
	c.Log.check(found)
}

func (c Config) checkDatabase(found *mistakes) {
	switch scheme, _, _ := strings.Cut(c.Database, "://"); {
	case c.Database == "":
	case scheme == "postgres", scheme == "postgresql":
		found.add("database", `PostgreSQL is not supported by this version; write "" for SQLite in data_dir`)
	default:
		found.add("database", `not a database this version knows; write "" for SQLite in data_dir`)
	}
}

func (c Config) checkListeners(found *mistakes) {
	const advice = "want host:port, for instance 127.0.0.1:8008, or :8008 for every address of this machine"
	if c.Client.Listen == "" {
		found.add("client.listen", "clients must be listened to; "+advice)
	}
	taken := map[string]string{}
	for _, listener := range []struct{ path, address string }{
		{"client.listen", c.Client.Listen},
		{"federation.listen", c.Federation.Listen},
		{"metrics.listen", c.Metrics.Listen},
	} {
		if listener.address == "" {
			continue
		}
		if !validListen(listener.address) {
			found.add(listener.path, advice)
			continue
		}
		other, twice := taken[listener.address]
		if _, port, _ := splitAddress(listener.address); twice && port != 0 {
			found.add(listener.path, other+" listens there already; choose another port")
		}
		taken[listener.address] = listener.path
	}
}

func (c Config) checkLimits(found *mistakes) {
	for _, number := range []struct {
		path       string
		value, max int64
	}{
		{"rate_limits.sends_per_second", int64(c.RateLimits.SendsPerSecond), 1_000_000},
		{"rate_limits.send_burst", int64(c.RateLimits.SendBurst), 1_000_000},
		{"quotas.inbox_messages", int64(c.Quotas.InboxMessages), 1_000_000_000},
		{"quotas.inbox_bytes", c.Quotas.InboxBytes, 1 << 40},
		{"rtm.history.max_bytes", c.RTM.History.MaxBytes, 1 << 40},
	} {
		if number.value < 1 || number.value > number.max {
			found.add(number.path, fmt.Sprintf("want a number from 1 to %d", number.max))
		}
	}
}

func (f Federation) checkHosts(found *mistakes) {
	for _, name := range slices.Sorted(maps.Keys(f.Hosts)) {
		at := entry("federation.hosts", string(name))
		if !todevice.ValidServerName(name) {
			found.add(at, "not a Matrix server name; want what stands behind the colon in its user IDs")
		} else if !validDial(f.Hosts[name]) {
			found.add(at, "want host:port, for instance 10.0.0.2:8448")
		}
	}
}

func (f Federation) checkServers(own spec.ServerName, found *mistakes) {
	for _, list := range []struct {
		path     string
		patterns []string
	}{
		{"federation.allow_servers", f.AllowServers},
		{"federation.deny_servers", f.DenyServers},
	} {
		for i, pattern := range list.patterns {
			if !todevice.ValidServerPattern(pattern) {
				found.add(fmt.Sprintf("%s[%d]", list.path, i), "want a server name, or *. and a name for all beneath it, for instance *.example.org")
			}
		}
	}
	for i, notary := range f.Notaries {
		at := fmt.Sprintf("federation.notaries[%d]", i)
		switch {
		case !todevice.ValidServerName(notary):
			found.add(at, "not a Matrix server name; want what stands behind the colon in its user IDs")
		case notary == own:
			found.add(at, "is this server itself; name another")
		case slices.Index(f.Notaries, notary) < i:
			found.add(at, "stands further up already; remove one")
		}
	}
}

func (l Log) check(found *mistakes) {
	if _, err := logrus.ParseLevel(l.Level); err != nil {
		var levels []string
		for _, level := range logrus.AllLevels {
			levels = append(levels, level.String())
		}
		found.add("log.level", "want one of "+strings.Join(levels, ", "))
	}
	if l.Format != "text" && l.Format != "json" {
		found.add("log.format", "want text or json")
	}
}
