package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// BehindProxies has the rest of the program see who made a request that reverse
// proxies have passed on: the rightmost address of X-Forwarded-For that is not one of
// theirs. What stands left of it the client itself may have written.
func BehindProxies(proxies []netip.Prefix, next http.Handler) http.Handler {
	if len(proxies) == 0 {
		return next
	}
	trusted := func(address netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(address) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, ok := parseAddress(ClientAddress(r)); ok && trusted(peer) {
			r.RemoteAddr = net.JoinHostPort(forwardedFor(r.Header, peer, trusted).String(), "0")
		}
		next.ServeHTTP(w, r)
	})
}

// forwardedFor goes from the peer to those the request came from before, as long as
// each was trusted to say so.
func forwardedFor(header http.Header, peer netip.Addr, trusted func(netip.Addr) bool) netip.Addr {
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parseAddress(strings.TrimSpace(hop))
		if !trusted(peer) || !ok {
			break
		}
		peer = address
	}
	return peer
}

// parseAddress reads an IP address, with or without a port.
func parseAddress(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}

// ClientAddress gives the IP address a request came from.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// A Subscriber is whose address it is, as far as addresses tell: of IPv6 everybody has
// at least a /64 to choose from.
type Subscriber netip.Prefix

// SubscriberOf gives whose an address is. Texts that are no address are one's.
func SubscriberOf(address string) Subscriber {
	parsed, ok := parseAddress(address)
	if !ok {
		return Subscriber{}
	}
	bits := 32
	if parsed.Is6() {
		bits = 64
	}
	prefix, _ := parsed.Prefix(bits) // there are so many bits
	return Subscriber(prefix)
}

func (s Subscriber) String() string { return netip.Prefix(s).String() }
