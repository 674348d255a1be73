package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/publicnet"
)

func TestEachStepOfDiscoveryHasItsHostAndCertificate(t *testing.T) {
	srv := func(target string, port uint16) []*net.SRV { return []*net.SRV{{Target: target, Port: port}} }
	for _, c := range []struct {
		step      string
		server    spec.ServerName
		delegated string
		services  map[string][]*net.SRV
		// The server is at address, has a certificate for name and is asked as host.
		address, name, host string
	}{
		{"1", "192.0.2.1", "", nil, "192.0.2.1:8448", "192.0.2.1", "192.0.2.1"},
		{"1 with port", "192.0.2.1:99", "", nil, "192.0.2.1:99", "192.0.2.1", "192.0.2.1:99"},
		{"1 IPv6", "[2001:db8::1]", "", nil, "[2001:db8::1]:8448", "2001:db8::1", "[2001:db8::1]"},
		{"1 IPv6 with port", "[2001:db8::1]:99", "", nil, "[2001:db8::1]:99", "2001:db8::1", "[2001:db8::1]:99"},
		{"2, whatever else there is", "a.test:99", "wrong.test", map[string][]*net.SRV{"_matrix-fed._tcp.a.test": srv("wrong.test", 1)},
			"a.test:99", "a.test", "a.test:99"},
		{"3.1", "a.test", "192.0.2.1", nil, "192.0.2.1:8448", "192.0.2.1", "192.0.2.1"},
		{"3.1 with port", "a.test", "[2001:db8::1]:99", nil, "[2001:db8::1]:99", "2001:db8::1", "[2001:db8::1]:99"},
		{"3.2", "a.test", "b.test:99", map[string][]*net.SRV{"_matrix-fed._tcp.b.test": srv("wrong.test", 1)}, "b.test:99", "b.test", "b.test:99"},
		{"3.3", "a.test", "b.test", map[string][]*net.SRV{
			"_matrix-fed._tcp.b.test": srv("c.test", 99), "_matrix._tcp.b.test": srv("wrong.test", 1), "_matrix-fed._tcp.a.test": srv("wrong.test", 2),
		}, "c.test:99", "b.test", "b.test"},
		{"3.4", "a.test", "b.test", map[string][]*net.SRV{"_matrix._tcp.b.test": srv("c.test", 99), "_matrix-fed._tcp.a.test": srv("wrong.test", 1)},
			"c.test:99", "b.test", "b.test"},
		{"3.5", "a.test", "b.test", map[string][]*net.SRV{"_matrix._tcp.a.test": srv("wrong.test", 1)}, "b.test:8448", "b.test", "b.test"},
		{"4", "a.test", "", map[string][]*net.SRV{"_matrix-fed._tcp.a.test": srv("c.test", 99), "_matrix._tcp.a.test": srv("wrong.test", 1)},
			"c.test:99", "a.test", "a.test"},
		{"4, after a delegation that is none", "a.test", "http://b.test", map[string][]*net.SRV{"_matrix-fed._tcp.a.test": srv("c.test", 99)},
			"c.test:99", "a.test", "a.test"},
		{"4, by priority", "a.test", "", map[string][]*net.SRV{"_matrix-fed._tcp.a.test": {
			{Target: "last.test", Port: 1, Priority: 20}, {Target: "first.test", Port: 2, Priority: 10},
		}}, "first.test:2", "a.test", "a.test"},
		{"4, the second where the first is down", "a.test", "", map[string][]*net.SRV{"_matrix-fed._tcp.a.test": {
			{Target: "down.test", Port: 1, Priority: 10}, {Target: "up.test", Port: 2, Priority: 20},
		}}, "up.test:2", "a.test", "a.test"},
		{"5", "a.test", "", map[string][]*net.SRV{"_matrix._tcp.a.test": srv("c.test", 99)}, "c.test:99", "a.test", "a.test"},
		{"6", "a.test", "", nil, "a.test:8448", "a.test", "a.test"},
	} {
		t.Run(c.step, func(t *testing.T) {
			l := newLab(t)
			for name, records := range c.services {
				l.dns.service(name, records...)
			}
			if c.delegated != "" {
				l.delegate("a.test", c.delegated)
			}
			l.serve(c.address, c.name, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })
			host, err := l.client(usual()).ServerKeys(t.Context(), c.server)
			if err != nil || string(host) != c.host {
				t.Errorf("asked as %q, %v; want %q", host, err, c.host)
			}
		})
	}
}

func TestSRVTargetProvesNothing(t *testing.T) {
	l := newLab(t)
	l.dns.service("_matrix-fed._tcp.a.test", &net.SRV{Target: "c.test", Port: 99})
	l.serve("c.test:99", "c.test", func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	_, err := l.client(usual()).ServerKeys(t.Context(), "a.test")
	if err == nil || !strings.Contains(err.Error(), "certificate is valid for c.test, not a.test") {
		t.Errorf("got %v, want that the certificate is for another name", err)
	}
}

func TestServerThatMovedIsFoundAfterOneFailure(t *testing.T) {
	l := newLab(t)
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "keys") }
	move := func(to string, port uint16) {
		l.dns.service("_matrix-fed._tcp.a.test", &net.SRV{Target: to, Port: port})
	}
	old := l.serve("old.test:1", "a.test", answer)
	l.serve("new.test:2", "a.test", answer)
	move("old.test", 1)
	client := l.client(usual())
	ask := func() error {
		_, err := client.ServerKeys(t.Context(), "a.test")
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	move("new.test", 2)
	if err := ask(); err != nil || l.timesDialed("new.test:2") != 0 {
		t.Fatalf("looked up again without need: %v", err)
	}
	old.CloseClientConnections()
	old.Close()
	if err := ask(); err == nil {
		t.Fatal("the old address still answers")
	}
	if err := ask(); err != nil || l.timesDialed("new.test:2") != 1 {
		t.Errorf("after the failure: %v, new address dialed %d times", err, l.timesDialed("new.test:2"))
	}
}

func TestDeadWellKnownFileIsNotAskedForAtEachAttempt(t *testing.T) {
	l := newLab(t)
	client := l.client(usual())
	for range 5 {
		if _, err := client.ServerKeys(t.Context(), "a.test"); err == nil {
			t.Fatal("reached a server that is not there")
		}
	}
	if files, servers := l.timesDialed("a.test:443"), l.timesDialed("a.test:8448"); files != 1 || servers != 5 {
		t.Errorf("%d attempts to read the file and %d to connect, want 1 and 5", files, servers)
	}
}

// errNoWayOut stands for the Internet, which the tests do not touch.
var errNoWayOut = errors.New("no way out of the test")

// guarded gives a client that dials as the real one does, by the names of a test,
// and notes the public addresses instead of connecting to them.
func guarded(t *testing.T, names *dns) (client *Client, reached *[]string) {
	client = New(Config{VerifyCertificates: true}, "here.test", newLab(t).client(usual()).key)
	t.Cleanup(client.Close)
	client.network.names = names.resolver()
	reached = new([]string)
	client.network.refuse = func(network, address string, conn syscall.RawConn) error {
		if err := publicnet.RefusePrivate(network, address, conn); err != nil {
			return err
		}
		*reached = append(*reached, address)
		return errNoWayOut
	}
	return client, reached
}

func TestNameThatTurnsPrivateIsRefusedAtTheFinalAddress(t *testing.T) {
	for _, private := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"} {
		t.Run(private, func(t *testing.T) {
			names := newDNS(t)
			names.address("rebind.test", "1.1.1.1", private)
			client, reached := guarded(t, names)
			// The first look-up is for the well-known file, the second for the server.
			_, err := client.ServerKeys(t.Context(), "rebind.test")
			if !errors.Is(err, publicnet.ErrPrivateAddress) {
				t.Errorf("got %v, want that the address is private", err)
			}
			if want := []string{"1.1.1.1:443"}; !reflect.DeepEqual(*reached, want) {
				t.Errorf("reached %v, want %v", *reached, want)
			}
		})
	}
}

func TestSRVRecordLeadsToNoPrivateAddress(t *testing.T) {
	names := newDNS(t)
	names.address("inside.test", "192.168.0.1")
	names.service("_matrix-fed._tcp.a.test", &net.SRV{Target: "inside.test", Port: 22})
	client, reached := guarded(t, names)
	if _, err := client.ServerKeys(t.Context(), "a.test"); !errors.Is(err, publicnet.ErrPrivateAddress) || len(*reached) != 0 {
		t.Errorf("got %v, reached %v; want that the address is private", err, *reached)
	}
}

func TestRedirectsAreWatchedAtEachHop(t *testing.T) {
	var asked atomic.Int32
	for _, c := range []struct {
		name, location string
		want           error
		words          string
		asked          int32
	}{
		{"to a private name", "https://inside.test/", publicnet.ErrPrivateAddress, "", 1},
		{"to a private address", "https://127.0.0.1/", publicnet.ErrPrivateAddress, "", 1},
		{"to a private port", "https://[::1]:22/", publicnet.ErrPrivateAddress, "", 1},
		{"to metadata", "https://169.254.169.254/latest/meta-data/", publicnet.ErrPrivateAddress, "", 1},
		{"by another public server to a private one", "https://second.test/", publicnet.ErrPrivateAddress, "", 2},
		{"to plain HTTP", "http://first.test/", nil, "away from HTTPS", 1},
		{"to plain HTTP inside", "http://127.0.0.1/", nil, "away from HTTPS", 1},
		{"to another scheme", "file:///etc/passwd", nil, "away from HTTPS", 1},
		{"round and round", "https://first.test/", nil, "too many redirects", wellKnownRedirects},
		{"on and on", "https://first.test/%d", nil, "too many redirects", wellKnownRedirects},
		{"to the Internet", "https://1.1.1.1/", errNoWayOut, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked.Store(0)
			l := newLab(t)
			l.dns.address("inside.test", "10.0.0.1")
			redirect := func(w http.ResponseWriter, _ *http.Request) {
				n := asked.Add(1)
				location := c.location
				if strings.Contains(location, "%d") {
					location = fmt.Sprintf(location, n)
				}
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusFound)
			}
			l.serve("first.test:443", "first.test", redirect)
			l.serve("second.test:443", "second.test", func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				http.Redirect(w, r, "https://inside.test/", http.StatusPermanentRedirect)
			})
			client, _ := guarded(t, l.dns)
			client.cfg.CAPool = l.roots
			inLab := l.client(usual())
			client.resolver = inLab.resolver // reads files in the lab, where only the two servers are public
			toLab := inLab.network.dial
			inLab.network.dial = func(ctx context.Context, address string, configured bool) (net.Conn, error) {
				if address == "first.test:443" || address == "second.test:443" {
					return toLab(ctx, address, configured)
				}
				return client.dial(ctx, address, configured)
			}
			to, _, err := client.resolver.delegate(t.Context(), "first.test")
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("delegates to %q, %v; want %v %s", to, err, c.want, c.words)
			}
			if asked.Load() != c.asked {
				t.Errorf("%d requests, want %d", asked.Load(), c.asked)
			}
		})
	}
}
