// Package publicnet tells the addresses of the Internet from those of this machine and
// its networks, so that a name of a stranger's choice cannot be used to reach into them.
package publicnet

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrPrivateAddress is what a connection fails with that would have gone to this
// network instead of the internet.
var ErrPrivateAddress = errors.New("the address is in a private or reserved range")

// RefusePrivate is a net.Dialer's Control: it is told the final address of each
// connection, after all names were looked up, so no name can hide one.
func RefusePrivate(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	if !Contains(target.Addr()) {
		return ErrPrivateAddress
	}
	return nil
}

// Contains tells whether an address belongs to the Internet, and not to this
// machine, its network or a special use. Of IPv6, only what is handed out for use
// is public, and all else (loopback, link-local, unique local, multicast, discard,
// what stands for an IPv4 address) is not.
//
// https://www.iana.org/assignments/iana-ipv4-special-registry/
// https://www.iana.org/assignments/iana-ipv6-special-registry/
func Contains(addr netip.Addr) bool {
	addr = embedded(addr.Unmap().WithZone(""))
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !netip.MustParsePrefix("2000::/3").Contains(addr) {
		return false
	}
	for _, reserved := range reservedRanges() {
		if reserved.Contains(addr) {
			return false
		}
	}
	return true
}

// embedded gives the IPv4 address that a NAT64 or 6to4 address leads to.
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	raw := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(raw[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(raw[2:6]))
	}
	return addr
}

// reservedRanges are those that netip does not tell by itself.
func reservedRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),        // this network
		netip.MustParsePrefix("100.64.0.0/10"),    // carriers' address translation
		netip.MustParsePrefix("168.63.129.16/32"), // the host, for a virtual machine of Azure's
		netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),     // documentation
		netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays, withdrawn
		netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),  // documentation
		netip.MustParsePrefix("203.0.113.0/24"),   // documentation
		netip.MustParsePrefix("240.0.0.0/4"),      // reserved
		netip.MustParsePrefix("2001::/23"),        // protocol assignments: Teredo, ORCHID, benchmarks
		netip.MustParsePrefix("2001:db8::/32"),    // documentation
		netip.MustParsePrefix("3ffe::/16"),        // an experiment, withdrawn
		netip.MustParsePrefix("3fff::/20"),        // documentation
	}
}
