package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// fakeNames are the well-known files and SRV records of a test.
type fakeNames struct {
	files   map[spec.ServerName]spec.ServerName
	records map[string][]*net.SRV
	// answer is that of every file, if it is not nil.
	answer *fileAnswer
	asked  int
}

// A fileAnswer is what asking for a well-known file comes to.
type fileAnswer struct {
	to       spec.ServerName
	lifetime time.Duration
	err      error
}

func (f *fakeNames) delegate(_ context.Context, server spec.ServerName) (spec.ServerName, time.Duration, error) {
	f.asked++
	if f.answer != nil {
		return f.answer.to, f.answer.lifetime, f.answer.err
	}
	if name, ok := f.files[server]; ok {
		return name, time.Hour, nil
	}
	return "", 0, errors.New("no file")
}

func (f *fakeNames) lookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if records, ok := f.records["_"+service+"._"+proto+"."+name]; ok {
		return "", records, nil
	}
	return "", nil, &net.DNSError{IsNotFound: true}
}

func (f *fakeNames) resolver(hosts map[spec.ServerName]string) *resolver {
	return newResolver(hosts, f.delegate, f.lookupSRV)
}

func TestNamesAreResolvedInTheStepsOfTheSpecification(t *testing.T) {
	srv := func(target string, port uint16) []*net.SRV { return []*net.SRV{{Target: target, Port: port}} }
	names := &fakeNames{
		files: map[spec.ServerName]spec.ServerName{
			"toip.test": "1.2.3.4", "toip-port.test": "[2001:db8::2]:99", "toport.test": "other.test:443",
			"tofed.test": "fed.test", "toold.test": "old.test", "toplain.test": "plain.test",
			"port.test:80": "ignored.test", "fed2.test": "fed.test",
		},
		records: map[string][]*net.SRV{
			"_matrix-fed._tcp.fed.test":   srv("srv.fed.test.", 1000),
			"_matrix._tcp.fed.test":       srv("wrong.test.", 1),
			"_matrix._tcp.old.test":       srv("srv.old.test.", 1001),
			"_matrix-fed._tcp.two.test":   {{Target: "a.test.", Port: 1}, {Target: "b.test.", Port: 2}},
			"_matrix-fed._tcp.no.test":    srv(".", 0),
			"_matrix-fed._tcp.tofed.test": srv("wrong.test.", 1),
		},
	}
	for _, c := range []struct {
		step   string
		server spec.ServerName
		want   []route
	}{
		{"1", "1.2.3.4", []route{{address: "1.2.3.4:8448", host: "1.2.3.4", tlsName: "1.2.3.4"}}},
		{"1 with port", "1.2.3.4:99", []route{{address: "1.2.3.4:99", host: "1.2.3.4:99", tlsName: "1.2.3.4"}}},
		{"1 IPv6", "[2001:db8::1]", []route{{address: "[2001:db8::1]:8448", host: "[2001:db8::1]", tlsName: "2001:db8::1"}}},
		{"1 IPv6 with port", "[2001:db8::1]:99", []route{{address: "[2001:db8::1]:99", host: "[2001:db8::1]:99", tlsName: "2001:db8::1"}}},
		{"2", "port.test:80", []route{{address: "port.test:80", host: "port.test:80", tlsName: "port.test"}}},
		{"3.1", "toip.test", []route{{address: "1.2.3.4:8448", host: "1.2.3.4", tlsName: "1.2.3.4"}}},
		{"3.1 with port", "toip-port.test", []route{{address: "[2001:db8::2]:99", host: "[2001:db8::2]:99", tlsName: "2001:db8::2"}}},
		{"3.2", "toport.test", []route{{address: "other.test:443", host: "other.test:443", tlsName: "other.test"}}},
		{"3.3", "tofed.test", []route{{address: "srv.fed.test:1000", host: "fed.test", tlsName: "fed.test"}}},
		{"3.4", "toold.test", []route{{address: "srv.old.test:1001", host: "old.test", tlsName: "old.test"}}},
		{"3.5", "toplain.test", []route{{address: "plain.test:8448", host: "plain.test", tlsName: "plain.test"}}},
		{"4", "two.test", []route{{address: "a.test:1", host: "two.test", tlsName: "two.test"}, {address: "b.test:2", host: "two.test", tlsName: "two.test"}}},
		{"5", "old.test", []route{{address: "srv.old.test:1001", host: "old.test", tlsName: "old.test"}}},
		{"6", "plain.test", []route{{address: "plain.test:8448", host: "plain.test", tlsName: "plain.test"}}},
		{"SRV says no", "no.test", nil},
		{"configured", "static.test", []route{{address: "127.0.0.1:1", host: "static.test", tlsName: "static.test", configured: true}}},
		{"configured, with port", "static.test:99", []route{{address: "127.0.0.1:2", host: "static.test:99", tlsName: "static.test", configured: true}}},
	} {
		t.Run(c.step, func(t *testing.T) {
			hosts := map[spec.ServerName]string{"static.test": "127.0.0.1:1", "static.test:99": "127.0.0.1:2"}
			got, err := names.resolver(hosts).routes(context.Background(), c.server)
			if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.want != nil) {
				t.Errorf("%s leads to %+v, %v; want %+v", c.server, got, err, c.want)
			}
		})
	}
}

func TestWhatIsFoundIsKeptForItsTime(t *testing.T) {
	const second, minute = time.Second, time.Minute
	for _, c := range []struct {
		name     string
		answer   fileAnswer
		at       []time.Duration
		asked    []int
		failures bool // of connections, after each look
	}{
		{"a delegation, by its headers", fileAnswer{to: "fed.test", lifetime: 30 * minute},
			[]time.Duration{0, 30*minute - second, 30 * minute}, []int{1, 1, 2}, false},
		{"a delegation for a day, its records for an hour", fileAnswer{to: "fed.test", lifetime: 24 * time.Hour},
			[]time.Duration{0, 2 * time.Hour, 24*time.Hour - second, 24 * time.Hour}, []int{1, 1, 1, 2}, false},
		{"a delegation, in doubt after a failure", fileAnswer{to: "fed.test", lifetime: 24 * time.Hour},
			[]time.Duration{0, second, minute, minute + second, 2 * minute}, []int{1, 1, 2, 2, 3}, true},
		{"no delegation", fileAnswer{err: errNotDelegated, lifetime: time.Hour},
			[]time.Duration{0, time.Hour - second, time.Hour}, []int{1, 1, 2}, false},
		{"no delegation, and failures", fileAnswer{err: errNotDelegated, lifetime: time.Hour},
			[]time.Duration{0, second, minute, 30 * minute, time.Hour}, []int{1, 1, 1, 1, 2}, true},
		{"a dead file, and failures", fileAnswer{err: errors.New("dead"), lifetime: faultLifetime},
			[]time.Duration{0, second, minute, faultLifetime - second, faultLifetime}, []int{1, 1, 1, 1, 2}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := &fakeNames{answer: &c.answer}
				r := names.resolver(nil)
				began := time.Now()
				for i, after := range c.at {
					time.Sleep(time.Until(began.Add(after)))
					if _, err := r.routes(t.Context(), "a.test"); err != nil || names.asked != c.asked[i] {
						t.Errorf("after %v: asked %d times, %v; want %d", after, names.asked, err, c.asked[i])
					}
					if c.failures {
						r.forget("a.test")
					}
				}
			})
		})
	}
}

func TestDelegationOutlivesAFileThatCannotBeReadJustNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := &fakeNames{answer: &fileAnswer{to: "1.2.3.4:5", lifetime: 24 * time.Hour}}
		r := names.resolver(nil)
		for _, c := range []struct {
			answer fileAnswer
			want   string
		}{
			{fileAnswer{to: "1.2.3.4:5", lifetime: 24 * time.Hour}, "1.2.3.4:5"},
			{fileAnswer{err: errors.New("dead"), lifetime: faultLifetime}, "1.2.3.4:5"},
			{fileAnswer{to: "1.2.3.4:6", lifetime: 24 * time.Hour}, "1.2.3.4:6"},
			{fileAnswer{err: errNotDelegated, lifetime: time.Hour}, "a.test:8448"},
		} {
			names.answer = &c.answer
			routes, err := r.routes(t.Context(), "a.test")
			if err != nil || routes[0].address != c.want {
				t.Errorf("%+v: leads to %v, %v; want %s", c.answer, routes, err, c.want)
			}
			r.forget("a.test")
			time.Sleep(minWellKnownLifetime)
		}
	})
}

func TestCancelledLookUpIsNotKept(t *testing.T) {
	names := &fakeNames{answer: &fileAnswer{to: "1.2.3.4:5", lifetime: time.Hour}}
	r := names.resolver(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if routes, err := r.routes(ctx, "a.test"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", routes, err)
	}
	if routes, err := r.routes(t.Context(), "a.test"); err != nil || names.asked != 2 {
		t.Errorf("got %v, %v, asked %d times", routes, err, names.asked)
	}
}

func TestCacheIsBoundedAndExpires(t *testing.T) {
	c, now := newCache[string](), time.Now()
	for i := range maxCached + 10 {
		c.store(spec.ServerName(time.Duration(i).String()), "", now.Add(time.Hour))
	}
	if len(c.entries) != maxCached {
		t.Errorf("%d entries, want %d", len(c.entries), maxCached)
	}
	c.store("a.test", "x", now.Add(time.Hour))
	if got, ok := c.load("a.test", now.Add(time.Hour-1)); !ok || got != "x" {
		t.Error("forgotten too early")
	}
	if _, ok := c.load("a.test", now.Add(time.Hour)); ok {
		t.Error("kept too long")
	}
}

func TestAuthorityTellsAServerFromTheSameWithPort(t *testing.T) {
	for server, want := range map[spec.ServerName]string{
		"a.test": "a.test:0", "a.test:443": "a.test:443", "[::1]": "[::1]:0", "[::1]:8448": "[::1]:8448", "1.2.3.4": "1.2.3.4:0",
	} {
		if got := authority(server); got != want {
			t.Errorf("authority(%s) = %s, want %s", server, got, want)
		}
	}
}

func TestWellKnownFileIsReadStrictly(t *testing.T) {
	for content, want := range map[string]spec.ServerName{
		`{"m.server":"a.test:443","x":1}`: "a.test:443",
		`{"m.server":"a.test"}`:           "a.test",
		`{"M.Server":"a.test"}`:           "",
		`{"m.server":"a b"}`:              "",
		`{"m.server":"a.test:x"}`:         "",
		`{"m.server":""}`:                 "",
		`{"m.server":1}`:                  "",
		`{}`:                              "",
		`<html>`:                          "",
	} {
		if got, err := readWellKnown([]byte(content)); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", content, got, err, want)
		}
	}
}

func TestDelegationIsKeptAsItsHeadersSay(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	in2h := now.Add(2 * time.Hour).Format(http.TimeFormat)
	for _, c := range []struct {
		control, expires string
		want             time.Duration
	}{
		{"", "", 24 * time.Hour},
		{"max-age=3600", "", time.Hour},
		{"public, Max-Age=7200", "", 2 * time.Hour},
		{"max-age=3600", in2h, time.Hour},
		{"", in2h, 2 * time.Hour},
		{"max-age=99999999", "", 48 * time.Hour},
		{"max-age=1", "", time.Minute},
		{"no-store", "", time.Minute},
		{"max-age=x", "", 24 * time.Hour},
		{"", "0", 24 * time.Hour},
	} {
		header := http.Header{"Cache-Control": {c.control}, "Expires": {c.expires}}
		if got := lifetime(header, now); got != c.want {
			t.Errorf("%q, %q: %v, want %v", c.control, c.expires, got, c.want)
		}
	}
}

func TestRedirectsStayOnHTTPS(t *testing.T) {
	secure, _ := http.NewRequest(http.MethodGet, "https://a.test/", nil)
	plain, _ := http.NewRequest(http.MethodGet, "http://169.254.169.254/", nil)
	if err := onlyHTTPS(secure, make([]*http.Request, wellKnownRedirects-1)); err != nil {
		t.Errorf("a redirect: %v", err)
	}
	if onlyHTTPS(plain, nil) == nil {
		t.Error("followed to plain HTTP")
	}
	if onlyHTTPS(secure, make([]*http.Request, wellKnownRedirects)) == nil {
		t.Error("followed for ever")
	}
}
