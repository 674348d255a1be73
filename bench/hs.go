package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// What is asked of a server that somebody has pointed at is little unless more is
// named: it may be in use.
const (
	hsSenders   = 8
	hsReceivers = 8
	hsMeasured  = 10 * time.Second
)

// registrationTokenEnv names the environment variable with the registration token. A
// token on the command line could be read by every user of the machine.
const registrationTokenEnv = "CHAPPE_BENCH_REGISTRATION_TOKEN"

// runHomeserver measures a server that runs already, whosever it is, by its
// client-server API alone, and prints what it saw. The accounts it makes there are gone
// when it returns, also where it fails or ctx ends.
func runHomeserver(ctx context.Context, o options, out io.Writer) error {
	base, err := parseBase(o.hs)
	if err != nil {
		return err
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	h := &homeserver{base: base, transport: transport, say: log.New(os.Stderr, "bench: ", 0).Printf}
	if base.Scheme == "http" && !isLoopback(base.Hostname()) {
		h.say("warning: %s is not HTTPS: passwords and access tokens cross the network for all to read", base)
	}
	return h.bench(ctx, o, out)
}

// bench does with a server what runHomeserver says.
func (h *homeserver) bench(ctx context.Context, o options, out io.Writer) error {
	r, err := h.seen(ctx, o)
	if len(r.Scenarios) > 0 {
		r.print(out)
		if o.json != "" {
			err = errors.Join(err, r.write(o.json))
		}
	}
	if err == nil && !r.kept() {
		err = errors.New("a message was lost, came twice or came to the wrong device")
	}
	return err
}

// seen gives what was seen, also with an error. The accounts are gone then, or the error
// names those that are not.
func (h *homeserver) seen(ctx context.Context, o options) (r hsReport, err error) {
	if r.Server, err = h.describe(ctx); err != nil {
		return r, fmt.Errorf("%w (is %s the base URL of a client-server API?)", interruption(ctx, err), h.base)
	}
	h.say("driving %s", r.Server)
	accounts, err := h.accounts(ctx, o)
	if err == nil {
		err = h.scenarios(ctx, o, accounts, &r)
	}
	return r, errors.Join(interruption(ctx, err), h.remove(ctx, accounts))
}

// interruption says in one word what else is said of each request that was under way.
func interruption(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

// scenarios runs what was asked for, with the first accounts as senders and the others
// as receivers.
func (h *homeserver) scenarios(ctx context.Context, o options, accounts []*hsAccount, r *hsReport) error {
	senders, receivers := accounts[:o.senders], accounts[o.senders:]
	rate := o.rate
	if o.wants(localScenario) || rate == 0 {
		h.say("%s: as fast as it answers", localScenario)
		local, err := h.run(ctx, h.newLoad(o, senders, receivers, 0))
		if err != nil {
			return fmt.Errorf("%s: %w", localScenario, err)
		}
		r.add(localScenario, local, "%d senders, %d long-polling receivers, %d-byte contents, one recipient each, for %v",
			o.senders, o.receivers, o.size, o.measured)
		if rate == 0 {
			rate = local.deliveredPerSecond() / 10
		}
	}
	if !o.wants(latencyScenario) {
		return nil
	}
	if rate == 0 {
		return fmt.Errorf("%s: nothing was delivered, a tenth of which would be the rate", latencyScenario)
	}
	h.say("%s: %s messages a second", latencyScenario, number(rate))
	paced, err := h.run(ctx, h.newLoad(o, senders, receivers, rate))
	if err != nil {
		return fmt.Errorf("%s: %w", latencyScenario, err)
	}
	r.add(latencyScenario, paced, "the same, paced to %s messages a second in all", number(rate))
	return nil
}

// parseBase reads the base URL of a client-server API.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("-hs: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("-hs: want a URL like https://matrix.example.org")
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	return base, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
