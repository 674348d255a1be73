package remote

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

const (
	defaultPort = "8448"
	// recordLifetime is how long routes that depend on no well-known file are kept.
	recordLifetime = time.Hour
	// maxRoutes bounds the SRV records that are tried.
	maxRoutes = 5
)

// A route is one way to a server.
type route struct {
	address string // host:port to connect to
	host    string // the Host header
	tlsName string // what the certificate must be for
	// configured routes are trusted to lead to private addresses.
	configured bool
}

// A resolver finds servers by their names.
//
// fclient.ResolveServer is not used because it looks for well-known files with
// http.DefaultTransport: through proxies of the environment, with other roots than
// configured, and by redirects to any address, private ones of this network too.
type resolver struct {
	hosts map[spec.ServerName]string
	// delegate gives the name a server's well-known file delegates to, or an error,
	// and for how long that may be kept.
	delegate func(context.Context, spec.ServerName) (spec.ServerName, time.Duration, error)
	// lookupSRV is that of net.Resolver.
	lookupSRV   func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	found       *cache[[]route]
	delegations *cache[delegation]
}

func newResolver(hosts map[spec.ServerName]string,
	delegate func(context.Context, spec.ServerName) (spec.ServerName, time.Duration, error),
	lookupSRV func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error),
) *resolver {
	return &resolver{
		hosts: hosts, delegate: delegate, lookupSRV: lookupSRV,
		found: newCache[[]route](), delegations: newCache[delegation](),
	}
}

// routes gives the ways to a server, the first to be tried first. There is at
// least one, and all have the same Host header.
func (r *resolver) routes(ctx context.Context, server spec.ServerName) ([]route, error) {
	return r.follow(ctx, server, nil)
}

// follow is routes, and notes the way there.
func (r *resolver) follow(ctx context.Context, server spec.ServerName, t *trail) ([]route, error) {
	if address, ok := r.hosts[server]; ok {
		t.note("federation.hosts", time.Now(), "fixed at "+address, nil)
		return []route{{address: address, host: string(server), tlsName: todevice.Host(server), configured: true}}, nil
	}
	if routes, ok := r.found.load(server, time.Now()); ok {
		return routes, nil
	}
	routes, expires, err := r.find(ctx, server, t)
	if err != nil {
		return nil, err
	}
	r.found.store(server, routes, expires)
	return routes, nil
}

// forget has a server looked up anew the next time.
func (r *resolver) forget(server spec.ServerName) {
	r.found.drop(server)
	r.delegations.change(server, delegation.doubt)
}

// find takes the steps of the specification, in their order, and gives until when
// what it finds is to be kept.
//
// https://spec.matrix.org/v1.15/server-server-api/#resolving-server-names
func (r *resolver) find(ctx context.Context, server spec.ServerName, t *trail) ([]route, time.Time, error) {
	expires := time.Now().Add(recordLifetime)
	if routes := spelledOut(server); routes != nil { // steps 1 and 2
		t.note("the name itself", time.Now(), "leads to "+routes[0].address, nil)
		return routes, expires, nil
	}
	delegated, err := r.delegation(ctx, server, t) // step 3
	if err != nil {
		return nil, time.Time{}, err
	}
	if delegated.expires.Before(expires) {
		expires = delegated.expires
	}
	if delegated.to == "" {
		routes, err := r.byRecords(ctx, server, t) // steps 4 to 6
		return routes, expires, err
	}
	if routes := spelledOut(delegated.to); routes != nil { // steps 3.1 and 3.2
		return routes, expires, nil
	}
	routes, err := r.byRecords(ctx, delegated.to, t) // steps 3.3 to 3.5
	return routes, expires, err
}

// spelledOut gives the route to a name that is an IP literal or has a port, and
// nil for one that must be looked up.
func spelledOut(server spec.ServerName) []route {
	_, port, _ := spec.ParseAndValidateServerName(server)
	host := todevice.Host(server)
	_, err := netip.ParseAddr(host)
	switch {
	case port >= 0:
		return []route{{address: net.JoinHostPort(host, strconv.Itoa(port)), host: string(server), tlsName: host}}
	case err == nil:
		return []route{{address: net.JoinHostPort(host, defaultPort), host: string(server), tlsName: host}}
	}
	return nil
}

// byRecords gives the routes to a plain DNS name: those of its SRV records, of the
// registered service or else of the older one, or else the name itself.
func (r *resolver) byRecords(ctx context.Context, server spec.ServerName, t *trail) ([]route, error) {
	name := string(server)
	for _, service := range []string{"matrix-fed", "matrix"} {
		began := time.Now()
		_, records, err := r.lookupSRV(ctx, service, "tcp", name)
		t.noteRecords(service, name, began, records, err)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// An error is taken as "none": not every resolver knows how to say that.
		if len(records) == 0 {
			continue
		}
		return bySRV(name, records)
	}
	return []route{{address: net.JoinHostPort(name, defaultPort), host: name, tlsName: name}}, nil
}

// bySRV gives the routes of SRV records. The certificate must be for the name, not
// for the target of a record: DNS proves nothing.
func bySRV(name string, records []*net.SRV) ([]route, error) {
	var routes []route
	for _, record := range records {
		target := strings.TrimSuffix(record.Target, ".")
		if target == "" { // says that there is no such service
			continue
		}
		address := net.JoinHostPort(target, strconv.Itoa(int(record.Port)))
		if routes = append(routes, route{address: address, host: name, tlsName: name}); len(routes) == maxRoutes {
			break
		}
	}
	if len(routes) == 0 {
		return nil, errors.New("the SRV record says that there is no server")
	}
	return routes, nil
}
