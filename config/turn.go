package config

import (
	"fmt"
	"strings"
	"time"
)

// TURN is a relay for the calls of clients that cannot reach one another.
type TURN struct {
	// URIs are those of the relay, as clients are told them; none where there is no relay.
	URIs []string `yaml:"uris"`
	// SharedSecret is what the relay and this server know (static-auth-secret of coturn).
	SharedSecret string `yaml:"shared_secret"`
	// Lifetime is how long the name and password last that a client is given.
	Lifetime time.Duration `yaml:"lifetime"`
}

func (t TURN) check(found *mistakes) {
	for i, uri := range t.URIs {
		host, ok := strings.CutPrefix(uri, "turn:")
		if !ok {
			host, ok = strings.CutPrefix(uri, "turns:")
		}
		if !ok || host == "" || strings.ContainsAny(host, " /@") {
			found.add(fmt.Sprintf("turn.uris[%d]", i), "want turn: or turns: and a host, for instance turn:turn.example.org?transport=udp")
		}
	}
	switch {
	case len(t.URIs) > 0 && t.SharedSecret == "":
		found.add("turn.shared_secret", "missing; it is the static-auth-secret of the relay")
	case len(t.URIs) == 0 && t.SharedSecret != "":
		found.add("turn.uris", "missing; there is a shared_secret")
	}
	if t.Lifetime < time.Minute {
		found.add("turn.lifetime", "want 1m or more")
	}
}
