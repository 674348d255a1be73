package remote

import (
	"errors"
	"net/netip"
	"testing"
)

func TestPrivateAddressesAreToldFromPublicOnes(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1":                 true,
		"93.184.215.14":           true,
		"172.15.255.255":          true,
		"172.32.0.1":              true,
		"100.63.255.255":          true,
		"100.128.0.1":             true,
		"2606:4700:4700::1111":    true,
		"::ffff:1.1.1.1":          true,
		"64:ff9b::1.1.1.1":        true,
		"2002:101:101::1":         true,
		"0.0.0.0":                 false,
		"0.1.2.3":                 false,
		"127.0.0.1":               false,
		"127.8.8.8":               false,
		"10.1.2.3":                false,
		"172.16.0.1":              false,
		"192.168.1.1":             false,
		"169.254.169.254":         false,
		"100.64.0.1":              false,
		"100.127.255.255":         false,
		"192.0.0.8":               false,
		"192.0.2.1":               false,
		"198.18.0.1":              false,
		"198.51.100.1":            false,
		"203.0.113.1":             false,
		"224.0.0.1":               false,
		"240.0.0.1":               false,
		"255.255.255.255":         false,
		"::":                      false,
		"::1":                     false,
		"::ffff:127.0.0.1":        false,
		"::ffff:10.0.0.1":         false,
		"64:ff9b::127.0.0.1":      false,
		"64:ff9b::10.0.0.1":       false,
		"64:ff9b:1::1.1.1.1":      false,
		"2002:7f00:1::1":          false,
		"2002:a00:1::1":           false,
		"2001::1":                 false,
		"2001:db8::1":             false,
		"fc00::1":                 false,
		"fd12:3456::1":            false,
		"fe80::1":                 false,
		"fe80::1%eth0":            false,
		"fec0::1":                 false,
		"ff02::1":                 false,
		"100::1":                  false,
		"::ffff:169.254.169.254":  false,
		"2a00:1450:4001:81b::200": true,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %v, want %v", address, got, want)
		}
	}
}

func TestDialerRefusesPrivateAddresses(t *testing.T) {
	if err := refusePrivate("tcp4", "127.0.0.1:443", nil); !errors.Is(err, ErrPrivateAddress) {
		t.Errorf("loopback: %v", err)
	}
	if err := refusePrivate("tcp6", "[fe80::1%lo]:443", nil); !errors.Is(err, ErrPrivateAddress) {
		t.Errorf("link-local: %v", err)
	}
	if err := refusePrivate("tcp4", "1.1.1.1:8448", nil); err != nil {
		t.Errorf("public: %v", err)
	}
	if err := refusePrivate("tcp4", "nonsense", nil); err == nil {
		t.Error("nonsense is let through")
	}
}
