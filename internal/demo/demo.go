// Package demo shows the whole road of a message: two homeservers on loopback,
// with certificates of their own, and messages that go across by both doors.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// timeout bounds the whole demonstration.
const timeout = time.Minute

// Run shows the demonstration on out. Its error tells what did not go across.
func Run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "chappe-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	hops := newHops(out)
	names := []spec.ServerName{"alpha.example", "beta.example"}
	servers, err := startServers(dir, names, hops)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServers(servers)) }()
	alpha, beta := servers[0], servers[1]
	fmt.Fprintf(out, "Two homeservers run on loopback, each with its own certificate, database and signing key:\n"+
		"  %s  clients http://%s  federation https://%s\n  %s   clients http://%s  federation https://%s\n",
		names[0], alpha.server.ClientAddr(), alpha.server.FederationAddr(),
		names[1], beta.server.ClientAddr(), beta.server.FederationAddr())

	alice, err := register(ctx, alpha, "alice")
	if err != nil {
		return err
	}
	bob, err := register(ctx, beta, "bob")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Users: %s and %s, who waits in a long poll.\n", alice.id, bob.id)

	hops.begin("1. " + alice.id + " sends im.chappe.demo to all devices of " + bob.id + " (PUT sendToDevice)")
	if err := deliver(ctx, bob, hops, "im.chappe.demo", func() error { return alice.sendToDevice(ctx, bob.id) }); err != nil {
		return err
	}
	hops.begin("2. The RTM user carol of " + string(names[0]) + " sends to " + bob.id + " (POST peer_messages)")
	if err := deliver(ctx, bob, hops, "im.chappe.rtm.peer_message", func() error { return alpha.sendByRTM(ctx, "carol", bob.id) }); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nBoth messages went across, each once.")
	return nil
}

// deliver waits for a message of this type at a user's device while it is sent,
// confirms it, and sees to it that nothing is left.
func deliver(ctx context.Context, to *user, hops *hops, eventType string, send func() error) error {
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	events, err := to.sync(ctx, 30*time.Second)
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if len(events) != 1 || events[0].Type != eventType {
		return fmt.Errorf("%s got %d messages, want one %s", to.id, len(events), eventType)
	}
	hops.arrived(to.id, events[0])
	rest, err := to.sync(ctx, 0)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%s got a message twice", to.id)
	}
	return err
}

// isHop tells whether a request hands the message on.
func isHop(method, path string) bool {
	for _, hop := range []struct{ method, pattern string }{
		{http.MethodPut, "/_matrix/client/v3/sendToDevice/*/*"},
		{http.MethodPost, "/dev/v2/project/*/rtm/users/*/peer_messages"},
		{http.MethodPut, "/_matrix/federation/v1/send/*"},
	} {
		if ok, err := filepath.Match(hop.pattern, path); ok && err == nil && method == hop.method {
			return true
		}
	}
	return false
}
