package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientBehindProxiesIsTheLastWhomTheyDoNotVouchFor(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1"},
		{"a client that poses as a proxy", "192.0.2.1:5", []string{"198.51.100.1"}, "192.0.2.1"},
		{"one proxy", "10.1.2.3:5", []string{"192.0.2.1"}, "192.0.2.1"},
		{"what the client wrote", "10.1.2.3:5", []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		{"what the client wrote in another header", "10.1.2.3:5", []string{"198.51.100.1", "192.0.2.1"}, "192.0.2.1"},
		{"a trusted address the client wrote", "10.1.2.3:5", []string{"10.9.9.9, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "[fd00::1]:5", []string{"192.0.2.1 , 10.1.2.3"}, "192.0.2.1"},
		{"only proxies", "10.1.2.3:5", []string{"10.1.2.4"}, "10.1.2.4"},
		{"IPv6", "10.1.2.3:5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", "10.1.2.3:5", []string{"[2001:db8::1]:99"}, "2001:db8::1"},
		{"IPv4 with a port", "10.1.2.3:5", []string{"192.0.2.1:99"}, "192.0.2.1"},
		{"IPv4 in IPv6", "[::ffff:10.1.2.3]:5", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"no header", "10.1.2.3:5", nil, "10.1.2.3"},
		{"nonsense", "10.1.2.3:5", []string{"192.0.2.1, unknown"}, "10.1.2.3"},
		{"another proxy", "[fd00::2]:5", []string{"192.0.2.1"}, "fd00::2"},
	} {
		var got string
		h := BehindProxies(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = ClientAddress(r) }))
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		BehindProxies(nil, h).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestSubscriberOfIPv6HasAllOfItsNetwork(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:0:0:2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1", true},
		{"", "no address", true},
		{"", "0.0.0.0", false},
	} {
		if got := SubscriberOf(c.a) == SubscriberOf(c.b); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}
