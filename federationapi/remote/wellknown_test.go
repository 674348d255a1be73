package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/publicnet"
)

// everythingAt gives a client for which every name leads to one test server.
func everythingAt(server *httptest.Server) http.Client {
	return http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
			},
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
			DisableKeepAlives: true,
		},
		CheckRedirect: onlyHTTPS,
	}
}

func TestDelegationIsReadFromTheServer(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == "good.test" && r.URL.Path == "/.well-known/matrix/server":
			w.Header().Set("Cache-Control", "max-age=600")
			_, _ = w.Write([]byte(`{"m.server":"delegated.test:443"}`))
		case r.Host == "moved.test":
			http.Redirect(w, r, "https://good.test"+r.URL.Path, http.StatusFound)
		case r.Host == "round.test":
			http.Redirect(w, r, "https://round.test"+r.URL.Path, http.StatusFound)
		case r.Host == "plain.test":
			http.Redirect(w, r, "http://good.test"+r.URL.Path, http.StatusFound)
		case r.Host == "long.test":
			_, _ = w.Write([]byte(`{"m.server":"delegated.test"` + strings.Repeat(" ", wellKnownLimit) + `}`))
		case r.Host == "bad.test":
			_, _ = w.Write([]byte(`{"m.server":"http://delegated.test"}`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	files := &wellKnown{http: everythingAt(server)}
	for name, good := range map[spec.ServerName]bool{
		"good.test": true, "moved.test": true,
		"round.test": false, "plain.test": false, "long.test": false, "bad.test": false, "none.test": false,
	} {
		delegated, lifetime, err := files.delegate(t.Context(), name)
		if (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
		if good && (delegated != "delegated.test:443" || lifetime != 10*time.Minute) {
			t.Errorf("%s delegates to %s for %v", name, delegated, lifetime)
		}
	}
}

func TestDiscoveryTouchesNoPrivateAddress(t *testing.T) {
	client := New(Config{}, "here.test", signing.Key{})
	for _, name := range []spec.ServerName{"127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"} {
		if _, _, err := client.resolver.delegate(t.Context(), name); !errors.Is(err, publicnet.ErrPrivateAddress) {
			t.Errorf("%s: %v, want that the address is private", name, err)
		}
	}
}
