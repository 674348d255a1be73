package remote

import (
	"context"
	"errors"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A delegation is what is known of a server's well-known file, also that it has
// none: a file that cannot be had is not asked for with each attempt to send.
type delegation struct {
	// to is the name delegated to, "" where there is none.
	to             spec.ServerName
	asked, expires time.Time
	// doubted is set once a connection has failed: the server may have moved.
	doubted bool
}

// doubt has a delegation looked up again before it expires. That there is none is
// not doubted.
func (d delegation) doubt() delegation {
	d.doubted = d.to != ""
	return d
}

// delegation gives what a server's well-known file says, as it is known or as it is
// now. It fails only if ctx ends.
func (r *resolver) delegation(ctx context.Context, server spec.ServerName, t *trail) (delegation, error) {
	now := time.Now()
	known, ok := r.delegations.load(server, now)
	if ok && (!known.doubted || now.Sub(known.asked) < minWellKnownLifetime) {
		return known, nil
	}
	to, lifetime, err := r.delegate(ctx, server)
	t.noteDelegation(server, now, to, err)
	switch {
	case ctx.Err() != nil:
		return delegation{}, ctx.Err()
	case err == nil:
		known = delegation{to: to, expires: now.Add(lifetime)}
	case !ok || errors.Is(err, errNotDelegated):
		known = delegation{expires: now.Add(lifetime)}
	} // else the file cannot be read just now, and what it said last still holds
	known.asked, known.doubted = now, false
	r.delegations.store(server, known, known.expires)
	return known, nil
}
