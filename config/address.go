package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// validListen tells whether a listener can be given this host:port. An empty host
// is every address of the machine, port 0 one that the system picks.
func validListen(address string) bool {
	host, _, ok := splitAddress(address)
	return ok && (host == "" || validHost(host))
}

// validDial tells whether another server can be reached at this host:port.
func validDial(address string) bool {
	host, port, ok := splitAddress(address)
	return ok && port != 0 && validHost(host)
}

func splitAddress(address string) (host string, port uint64, ok bool) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, false
	}
	port, err = strconv.ParseUint(digits, 10, 16)
	return host, port, err == nil
}

// validHost takes an IP address, without brackets, or a DNS name.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.ContainsAny(host, ":[]") && todevice.ValidServerName(spec.ServerName(host))
}

// isLoopback tells whether a host is this machine for itself alone.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return strings.EqualFold(host, "localhost")
	}
	return address.Unmap().IsLoopback()
}

// reachable tells whether other machines can reach one of the two listeners. A
// malformed address is not counted; it is a mistake of its own.
func (c Config) reachable() bool {
	for _, listen := range []string{c.Client.Listen, c.Federation.Listen} {
		if host, _, ok := splitAddress(listen); ok && !isLoopback(host) {
			return true
		}
	}
	return false
}

// validBaseURL takes an http or https URL to which a path can be appended.
func validBaseURL(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	return (u.Scheme == "http" || u.Scheme == "https") && !strings.HasSuffix(base, "/") && !strings.ContainsAny(base, "?#")
}
