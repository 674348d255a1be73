package config

import (
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// Warnings lists what is allowed but seldom meant, to be logged at start. Most of
// it is harmless as long as only this machine can connect.
func (c Config) Warnings() []string {
	var warnings []string
	warn := func(applies bool, text string) {
		if applies {
			warnings = append(warnings, text)
		}
	}
	reachable := c.reachable()
	warn(reachable && c.Registration.Open,
		"registration.open is true and other machines can connect: anyone can make accounts")
	warn(reachable && !c.RateLimits.Enabled,
		"rate_limits.enabled is false and other machines can connect: a single client can keep the server busy")
	warn(reachable && isLocalName(c.ServerName),
		"server_name is a name of this machine for itself: other servers cannot find it, and it cannot be changed later")
	warn(!c.Federation.VerifyCertificates,
		"federation.verify_certificates is false: whoever controls the network can pose as another server")
	for i, app := range c.RTM.Apps {
		warn(reachable && app.Certificate == "",
			fmt.Sprintf("%s has no certificate and other machines can connect: "+
				"whoever knows its app_id can log in as any of its users", appPath(i)))
	}
	return warnings
}

// isLocalName tells whether a server name is localhost or a loopback address.
func isLocalName(name spec.ServerName) bool {
	host, _, valid := spec.ParseAndValidateServerName(name)
	return valid && isLoopback(host)
}
