package publicnet

import (
	"errors"
	"net/netip"
	"testing"
)

func TestPrivateAddressesAreToldFromPublicOnes(t *testing.T) {
	const yes, no = true, false
	for _, c := range []struct {
		address string
		public  bool
		what    string
	}{
		{"1.1.1.1", yes, ""},
		{"93.184.215.14", yes, ""},
		{"9.255.255.255", yes, "below 10/8"},
		{"11.0.0.0", yes, "above 10/8"},
		{"100.63.255.255", yes, "below the carriers' translation"},
		{"100.128.0.1", yes, "above it"},
		{"126.255.255.255", yes, "below loopback"},
		{"128.0.0.1", yes, "above it"},
		{"168.63.129.17", yes, "beside Azure's host"},
		{"169.253.255.255", yes, "below link-local"},
		{"169.255.0.1", yes, "above it"},
		{"172.15.255.255", yes, "below 172.16/12"},
		{"172.32.0.1", yes, "above it"},
		{"192.167.255.255", yes, "below 192.168/16"},
		{"192.169.0.1", yes, "above it"},
		{"198.17.255.255", yes, "below the benchmarks"},
		{"198.20.0.1", yes, "above them"},
		{"223.255.255.255", yes, "below multicast"},
		{"2001:200::1", yes, "above the protocol assignments"},
		{"2606:4700:4700::1111", yes, ""},
		{"2a00:1450:4001:81b::200", yes, ""},
		{"::ffff:1.1.1.1", yes, "IPv4-mapped"},
		{"64:ff9b::1.1.1.1", yes, "NAT64"},
		{"2002:101:101::1", yes, "6to4"},

		{"0.0.0.0", no, "unspecified"},
		{"0.1.2.3", no, "this network"},
		{"10.0.0.0", no, "private"},
		{"10.255.255.255", no, "private"},
		{"100.64.0.1", no, "carriers' translation"},
		{"100.100.100.200", no, "carriers' translation; metadata at Alibaba"},
		{"100.127.255.255", no, "carriers' translation"},
		{"127.0.0.1", no, "loopback"},
		{"127.8.8.8", no, "loopback"},
		{"168.63.129.16", no, "Azure's host"},
		{"169.254.0.1", no, "link-local"},
		{"169.254.169.254", no, "link-local; metadata"},
		{"172.16.0.1", no, "private"},
		{"172.31.255.255", no, "private"},
		{"192.0.0.8", no, "protocol assignments"},
		{"192.0.0.192", no, "protocol assignments; metadata at Oracle"},
		{"192.0.2.1", no, "documentation"},
		{"192.88.99.1", no, "6to4 relays"},
		{"192.168.1.1", no, "private"},
		{"198.18.0.1", no, "benchmarks"},
		{"198.19.255.255", no, "benchmarks"},
		{"198.51.100.1", no, "documentation"},
		{"203.0.113.1", no, "documentation"},
		{"224.0.0.1", no, "multicast"},
		{"239.255.255.255", no, "multicast"},
		{"240.0.0.1", no, "reserved"},
		{"255.255.255.255", no, "broadcast"},
		{"::", no, "unspecified"},
		{"::1", no, "loopback"},
		{"::127.0.0.1", no, "IPv4-compatible"},
		{"::10.0.0.1", no, "IPv4-compatible"},
		{"::1.1.1.1", no, "IPv4-compatible: nobody routes it"},
		{"::ffff:127.0.0.1", no, "IPv4-mapped loopback"},
		{"::ffff:10.0.0.1", no, "IPv4-mapped private"},
		{"::ffff:169.254.169.254", no, "IPv4-mapped metadata"},
		{"::ffff:0:127.0.0.1", no, "IPv4-translated"},
		{"64:ff9b::127.0.0.1", no, "NAT64 to loopback"},
		{"64:ff9b::10.0.0.1", no, "NAT64 to private"},
		{"64:ff9b::169.254.169.254", no, "NAT64 to metadata"},
		{"64:ff9b:1::1.1.1.1", no, "local NAT64"},
		{"64:ff9b:1:fffe::10.0.0.1", no, "local NAT64"},
		{"100::1", no, "discard"},
		{"100:0:0:1::1", no, "dummy"},
		{"2001::1", no, "Teredo"},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", no, "Teredo"},
		{"2001:0:7f00:1::", no, "Teredo by way of loopback"},
		{"2001:2::1", no, "benchmarks"},
		{"2001:10::1", no, "ORCHID"},
		{"2001:20::1", no, "ORCHIDv2"},
		{"2001:db8::1", no, "documentation"},
		{"2002:7f00:1::1", no, "6to4 to loopback"},
		{"2002:a00:1::1", no, "6to4 to private"},
		{"2002:a9fe:a9fe::1", no, "6to4 to metadata"},
		{"2002:c0a8:101::1", no, "6to4 to private"},
		{"3ffe::1", no, "withdrawn"},
		{"3fff::1", no, "documentation"},
		{"4000::1", no, "not handed out"},
		{"5f00::1", no, "segment routing"},
		{"fc00::1", no, "unique local"},
		{"fd12:3456::1", no, "unique local"},
		{"fd00:ec2::254", no, "unique local; metadata"},
		{"fe80::1", no, "link-local"},
		{"fe80::1%eth0", no, "link-local"},
		{"fe80::a9fe:a9fe%1", no, "link-local"},
		{"fec0::1", no, "site-local"},
		{"ff02::1", no, "multicast"},
		{"ff0e::1", no, "multicast, global"},
	} {
		if got := Contains(netip.MustParseAddr(c.address)); got != c.public {
			t.Errorf("Contains(%s) = %v, want %v (%s)", c.address, got, c.public, c.what)
		}
	}
}

func TestDialerRefusesPrivateAddresses(t *testing.T) {
	if err := RefusePrivate("tcp4", "127.0.0.1:443", nil); !errors.Is(err, ErrPrivateAddress) {
		t.Errorf("loopback: %v", err)
	}
	if err := RefusePrivate("tcp6", "[fe80::1%lo]:443", nil); !errors.Is(err, ErrPrivateAddress) {
		t.Errorf("link-local: %v", err)
	}
	if err := RefusePrivate("tcp4", "1.1.1.1:8448", nil); err != nil {
		t.Errorf("public: %v", err)
	}
	if err := RefusePrivate("tcp4", "nonsense", nil); err == nil {
		t.Error("nonsense is let through")
	}
}
