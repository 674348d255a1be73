package todevice

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// ServerRules say which other servers this one has to do with, be it that they ask
// something of it or that something would go to them. The zero value admits all.
type ServerRules struct {
	allow, deny serverSet
}

// NewServerRules makes rules of two lists of patterns (see [ValidServerPattern]).
// An empty allow admits all servers but the denied ones.
func NewServerRules(allow, deny []string) ServerRules {
	return ServerRules{allow: newServerSet(allow), deny: newServerSet(deny)}
}

// Admit tells whether there is to be anything to do with a server.
func (r ServerRules) Admit(server spec.ServerName) bool {
	return !r.deny.has(server) && (len(r.allow) == 0 || r.allow.has(server))
}

// anySubdomain begins a pattern of all names beneath one.
const anySubdomain = "*."

// ValidServerPattern tells whether a text names servers: "example.org" is that host
// under any port, "example.org:8449" with that one only, and "*.example.org" every
// name beneath example.org, but not itself.
func ValidServerPattern(pattern string) bool {
	name, wild := strings.CutPrefix(pattern, anySubdomain)
	return ValidServerName(spec.ServerName(name)) && (!wild || !strings.ContainsAny(name, ":["))
}

// A serverSet holds patterns, their names as hostAndPort gives them.
type serverSet map[string]bool

func newServerSet(patterns []string) serverSet {
	set := make(serverSet, len(patterns))
	for _, pattern := range patterns {
		name, wild := strings.CutPrefix(pattern, anySubdomain)
		host, port := hostAndPort(spec.ServerName(name))
		if wild {
			host = anySubdomain + host
		}
		set[host+port] = true
	}
	return set
}

func (s serverSet) has(server spec.ServerName) bool {
	if len(s) == 0 {
		return false
	}
	host, port := hostAndPort(server)
	if s[host] || s[host+port] {
		return true
	}
	for _, above, more := strings.Cut(host, "."); more; _, above, more = strings.Cut(above, ".") {
		if s[anySubdomain+above] {
			return true
		}
	}
	return false
}

// hostAndPort takes a server name apart, in the one spelling of all that lead to
// the same host: otherwise who is denied as evil.example would come as EVIL.example.
// The port is ":8448", say, or "" where the name has none.
func hostAndPort(server spec.ServerName) (host, port string) {
	_, number, _ := spec.ParseAndValidateServerName(server)
	if number >= 0 {
		port = ":" + strconv.Itoa(int(number))
	}
	host = strings.ToLower(strings.TrimRight(Host(server), "."))
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	}
	return host, port
}
