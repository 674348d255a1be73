package remote

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// goodServer answers as a server does that is well.
func goodServer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/_matrix/key/v2/server":
		_, _ = io.WriteString(w, "keys")
	case r.URL.Path == "/_matrix/federation/v1/version":
		_, _ = io.WriteString(w, `{"server":{"name":"Other\u001b[2J","version":"1.2"}}`)
	case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/_matrix/federation/v1/send/") && r.Header.Get("Authorization") != "":
		_, _ = io.WriteString(w, `{"pdus":{}}`)
	default:
		http.NotFound(w, r)
	}
}

func everything() Probing {
	return Probing{Signed: true, CheckKeys: func(object []byte) (string, error) {
		if string(object) != "keys" {
			return "", errors.New("key object: wrong")
		}
		return "ed25519:1", nil
	}}
}

// story writes steps down, each with what was found or went wrong.
func story(steps []Step) string {
	var out strings.Builder
	for _, step := range steps {
		out.WriteString(step.Name + ": " + step.Found)
		if step.Err != nil {
			out.WriteString("! " + step.Err.Error())
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestProbeTellsEachStep(t *testing.T) {
	l := newLab(t)
	l.delegate("a.test", "b.test")
	l.dns.service("_matrix._tcp.b.test", &net.SRV{Target: "down.test", Port: 1, Priority: 1}, &net.SRV{Target: "c.test", Port: 99, Priority: 2})
	l.dns.address("c.test", "10.0.0.1")
	l.serve("c.test:99", "b.test", goodServer)
	steps, err := l.client(usual()).Probe(t.Context(), "a.test", everything())
	if err != nil {
		t.Errorf("stopped at %v", err)
	}
	got := story(steps)
	for _, want := range []string{
		"well-known file of a.test: delegates to b.test\n",
		"SRV records _matrix-fed._tcp.b.test: none\n",
		"SRV records _matrix._tcp.b.test: down.test:1, c.test:99\n",
		"connection to down.test:1: ! ",
		"addresses of c.test: 10.0.0.1 (refused: private or reserved)\n",
		"connection to c.test:99: open to 127.0.0.1:",
		"certificate for b.test: for b.test, issued by itself, until ",
		"its keys: ed25519:1\n",
		`its version: Other\x1b[2J 1.2` + "\n",
		"a signed request: taken\n",
	} {
		_, rest, found := strings.Cut(got, want)
		if !found {
			t.Fatalf("%q is missing, or not in its place:\n%s", want, story(steps))
		}
		got = rest
	}
}

func TestProbeStopsWhereARequestWould(t *testing.T) {
	broken := func(path string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, path) {
				w.WriteHeader(status)
				return
			}
			goodServer(w, r)
		}
	}
	for _, c := range []struct {
		name    string
		prepare func(*lab)
		last    string
		side    Side
		words   string
	}{
		{"nothing there", func(*lab) {}, "connection to a.test:8448", Them, "connection refused"},
		{"SRV says no", func(l *lab) {
			l.dns.service("_matrix-fed._tcp.a.test", &net.SRV{Target: "."})
		}, "SRV records _matrix-fed._tcp.a.test", Them, "there is no server"},
		{"another name's certificate", func(l *lab) { l.serve("a.test:8448", "b.test", goodServer) }, "certificate for a.test", Them, "valid for b.test"},
		{"a stranger's certificate", func(l *lab) {
			other := newLab(l.t)
			l.open("a.test:8448", other.serve("x", "a.test", goodServer).Listener.Addr().String())
		}, "certificate for a.test", Them, "unknown authority"},
		{"no TLS", func(l *lab) {
			l.misbehave("a.test:8448", "a.test", misdeed{raw: func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n") }})
		}, "certificate for a.test", Them, "does not look like"},
		{"no keys", func(l *lab) { l.serve("a.test:8448", "a.test", broken("/_matrix/key", 404)) }, "its keys", Them, "HTTP 404"},
		{"wrong keys", func(l *lab) {
			l.serve("a.test:8448", "a.test", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "others") })
		}, "its keys", Them, "key object"},
		{"broken", func(l *lab) { l.serve("a.test:8448", "a.test", broken("/_matrix/federation/v1/version", 500)) }, "its version", Them, "HTTP 500"},
		{"our key is not known", func(l *lab) { l.serve("a.test:8448", "a.test", broken("/_matrix/federation/v1/send", 401)) }, "a signed request", Us, "HTTP 401"},
		{"denied there", func(l *lab) { l.serve("a.test:8448", "a.test", broken("/_matrix/federation/v1/send", 403)) }, "a signed request", Them, "HTTP 403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			c.prepare(l)
			steps, err := l.client(usual()).Probe(t.Context(), "a.test", everything())
			if err == nil || !strings.Contains(err.Error(), c.words) || Explain(err.Error()).Side != c.side {
				t.Errorf("stopped at %v; want %q, %s", err, c.words, c.side)
			}
			if last := steps[len(steps)-1]; last.Name != c.last {
				t.Errorf("the last step is %q, want %q:\n%s", last.Name, c.last, story(steps))
			}
		})
	}
}

func TestOwnNameIsAskedAsOthersWouldAskIt(t *testing.T) {
	l := newLab(t)
	l.delegate("here.test", "front.test:443")
	l.serve("front.test:443", "front.test", goodServer)
	client := l.client(usual())
	if keys, err := client.OwnKeys(t.Context()); err != nil || string(keys) != "keys" {
		t.Errorf("got %q, %v", keys, err)
	}
	if _, err := client.ServerKeys(t.Context(), "here.test"); !errors.Is(err, errNotAnother) {
		t.Errorf("a signed request to ourselves: %v", err)
	}
	if steps, err := client.Probe(t.Context(), "here.test", everything()); err != nil || strings.Contains(story(steps), "signed") {
		t.Errorf("%v\n%s", err, story(steps))
	}
	client.cfg.Hosts = map[spec.ServerName]string{"here.test": "front.test:443"}
	if _, err := client.OwnKeys(t.Context()); !errors.Is(err, ErrFixedAddress) {
		t.Errorf("a fixed address: %v", err)
	}
}
