package config

import (
	"fmt"
	"net/netip"
)

// Proxies gives the networks of TrustedProxies.
func (c Client) Proxies() (networks []netip.Prefix) {
	for _, text := range c.TrustedProxies {
		if network, ok := parseNetwork(text); ok {
			networks = append(networks, network)
		}
	}
	return networks
}

func (c Client) checkProxies(found *mistakes) {
	for i, text := range c.TrustedProxies {
		if _, ok := parseNetwork(text); !ok {
			found.add(fmt.Sprintf("client.trusted_proxies[%d]", i), "want an IP address or a network, for instance 10.0.0.5 or 10.0.0.0/8")
		}
	}
}

// parseNetwork reads a network in CIDR notation, or one address.
func parseNetwork(text string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err == nil && !network.Addr().Is4In6()
}
