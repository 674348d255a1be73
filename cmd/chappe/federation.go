package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/server"
	"github.com/chappe-im/chappe/todevice"
)

// federation holds the commands for whoever asks: is it me or them?
type federation struct {
	Status  federationStatus  `cmd:"" help:"Show what waits for other servers, what went wrong, and when they are tried next."`
	Probe   federationProbe   `cmd:"" help:"Try to reach a server, step by step, and say whether a fault is theirs or ours."`
	Retry   federationRetry   `cmd:"" help:"Have a server tried again at once, instead of when its time has come."`
	Explain federationExplain `cmd:"" help:"Say in words why messages do not reach a server, and what to do: status and probe together."`
}

type federationStatus struct {
	configFlag
	Server spec.ServerName `arg:"" optional:"" help:"Show this server only, with more about it."`
	JSON   bool            `name:"json" help:"Print JSON, for programs."`
}

// Help is printed below the flags.
func (federationStatus) Help() string {
	return `Reads the database, and changes nothing; the server may run or not. A server for which nothing waits, and with which nothing went wrong since the last success, is not listed.

WAITING counts the messages (EDUs), OLDEST is how long ago the first of them was accepted, FAILED how often sending failed since the last success. DEAD counts the messages that the server refused for good; they are kept for 30 days and not sent again.`
}

// Run prints a line for each server, or all of one.
func (c *federationStatus) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	backlogs, err := server.Backlogs(context.Background(), cfg)
	if err != nil {
		return err
	}
	if c.Server != "" {
		backlogs = slices.DeleteFunc(backlogs, func(b todevice.Backlog) bool { return b.Server != c.Server })
	}
	switch now := time.Now(); {
	case c.JSON:
		return printJSON(out, backlogs)
	case c.Server != "":
		printBacklog(out, c.Server, backlogs, now)
	default:
		printBacklogs(out, backlogs, now)
	}
	return nil
}

type federationProbe struct {
	configFlag
	Server spec.ServerName `arg:"" help:"The name of the server: what stands behind the colon in the IDs of its users. Our own name shows how others see us."`
}

// Help is printed below the flags.
func (federationProbe) Help() string {
	return `Finds the server as the specification says (fixed address, well-known file, SRV records, addresses), connects, looks at its certificate, fetches and checks its signing keys, asks for its version, and sends it a signed transaction with nothing in it. This is done by the command itself, with the configuration and from this machine; the server may run or not.

The last line says whether all is well, or whose fault it is. The exit code is 0 only if all is well.`
}

// Run prints the steps and a verdict.
func (c *federationProbe) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	probe, err := server.ProbeServer(context.Background(), cfg, c.Server)
	if err != nil {
		return err
	}
	printProbe(out, c.Server, probe)
	if probe.Err != nil {
		return errors.New("the probe of " + plain(string(c.Server)) + " has failed")
	}
	return nil
}

type federationRetry struct {
	configFlag
	Server spec.ServerName `arg:"" help:"The name of the server."`
}

// Help is printed below the flags.
func (federationRetry) Help() string {
	return `Tells the running server, by the socket in data_dir, to forget the server's failures and where it was found, and to try it within a second. Where no server runs, the stored failures are removed, so that it is tried at the next start.

There is seldom a need for it: a server is tried again by itself, at the latest after federation.max_backoff, and at once when it is heard of.`
}

// Run has the server tried.
func (c *federationRetry) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	told, err := server.RetryServer(context.Background(), cfg, c.Server)
	if err != nil {
		return err
	}
	if told {
		fmt.Fprintf(out, "The server was told to try %s now.\n", c.Server)
		return nil
	}
	fmt.Fprintf(out, "No server answers at the socket in %s. The failures of %s that were stored are removed: it is tried when a server is started there.\n",
		cfg.DataDir, c.Server)
	return nil
}

type federationExplain struct {
	configFlag
	Server spec.ServerName `arg:"" help:"The name of the server."`
}

// Help is printed below the flags.
func (federationExplain) Help() string {
	return `Prints what status and probe print for this server, then what it means and what to do. It changes nothing.`
}

// Run explains.
func (c *federationExplain) Run(out io.Writer) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	backlogs, err := server.Backlogs(context.Background(), cfg)
	if err != nil {
		return err
	}
	printBacklog(out, c.Server, backlogs, time.Now())
	fmt.Fprintln(out)
	probe, err := server.ProbeServer(context.Background(), cfg, c.Server)
	if err != nil {
		return err
	}
	printProbe(out, c.Server, probe)
	if i := slices.IndexFunc(backlogs, func(b todevice.Backlog) bool { return b.Server == c.Server }); i >= 0 {
		printConclusion(out, cfg, backlogs[i], probe)
	}
	return nil
}

// printConclusion says what the probe does not: what the last error was, where it
// is not there any more.
func printConclusion(out io.Writer, cfg config.Config, b todevice.Backlog, probe server.Probe) {
	if probe.Err == nil && b.LastError != "" {
		why := remote.Explain(b.LastError)
		fmt.Fprintf(out, "\nThe last attempt failed otherwise: %s\n%s\n", why.Cause, why.Advice)
	}
	if probe.Err == nil && b.Failures > 0 && b.Waiting > 0 {
		fmt.Fprintf(out, "If that is past, what waits goes out now with: chappe federation retry %s\n", b.Server)
	}
	if b.DeadLetters.Count > 0 {
		why := remote.Explain(b.DeadLetters.LastReason)
		fmt.Fprintf(out, "\n%d messages were refused for good, and are not sent again. %s Why the last one was: %s\n",
			b.DeadLetters.Count, why.Cause, plain(b.DeadLetters.LastReason))
	}
	if probe.Err != nil && b.Waiting > 0 {
		fmt.Fprintf(out, "\nNothing is lost meanwhile: what waits is in %s until it is taken, and is tried again at least every %s.\n",
			cfg.DataDir, duration(cfg.Federation.MaxBackoff))
	}
}

// backlogJSON is a server in the output for programs.
type backlogJSON struct {
	Server      spec.ServerName `json:"server"`
	Waiting     int             `json:"waiting"`
	Oldest      time.Time       `json:"oldest,omitzero"`
	Failures    int             `json:"failures"`
	RetryAt     time.Time       `json:"retry_at,omitzero"`
	LastError   string          `json:"last_error,omitempty"`
	Side        remote.Side     `json:"side,omitempty"`
	Cause       string          `json:"cause,omitempty"`
	Advice      string          `json:"advice,omitempty"`
	TxnID       string          `json:"txn_id,omitempty"`
	TxnCreated  time.Time       `json:"txn_created,omitzero"`
	DeadLetters deadLettersJSON `json:"dead_letters"`
}

type deadLettersJSON struct {
	Count      int       `json:"count"`
	Oldest     time.Time `json:"oldest,omitzero"`
	LastReason string    `json:"last_reason,omitempty"`
}

func printJSON(out io.Writer, backlogs []todevice.Backlog) error {
	list := make([]backlogJSON, 0, len(backlogs))
	for _, b := range backlogs {
		line := backlogJSON{
			Server: b.Server, Waiting: b.Waiting, Oldest: b.Oldest.UTC(), Failures: b.Failures, RetryAt: b.RetryAt.UTC(),
			LastError: b.LastError, TxnID: b.TxnID, TxnCreated: b.TxnCreated.UTC(),
			DeadLetters: deadLettersJSON{b.DeadLetters.Count, b.DeadLetters.Oldest.UTC(), b.DeadLetters.LastReason},
		}
		if b.LastError != "" {
			why := remote.Explain(b.LastError)
			line.Side, line.Cause, line.Advice = why.Side, why.Cause, why.Advice
		}
		list = append(list, line)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(list)
}
