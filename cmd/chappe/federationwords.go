package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/server"
	"github.com/chappe-im/chappe/todevice"
)

// printBacklogs prints a line for each server.
func printBacklogs(out io.Writer, backlogs []todevice.Backlog, now time.Time) {
	if len(backlogs) == 0 {
		fmt.Fprintln(out, "Nothing waits for any other server, and nothing has gone wrong.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVER\tWAITING\tOLDEST\tFAILED\tNEXT TRY\tDEAD\tLAST ERROR")
	for _, b := range backlogs {
		words := "-"
		if b.LastError != "" {
			words = remote.Explain(b.LastError).Cause
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\t%d\t%s\n",
			b.Server, b.Waiting, since(b.Oldest, now), b.Failures, nextTry(b, now), b.DeadLetters.Count, words)
	}
	_ = table.Flush() // as with all that is printed
}

// printBacklog prints all that is known of one server's.
func printBacklog(out io.Writer, name spec.ServerName, backlogs []todevice.Backlog, now time.Time) {
	i := slices.IndexFunc(backlogs, func(b todevice.Backlog) bool { return b.Server == name })
	if i < 0 {
		fmt.Fprintf(out, "Nothing waits for %s, and nothing has gone wrong with it since the last success.\n", plain(string(name)))
		return
	}
	b := backlogs[i]
	fmt.Fprintln(out, b.Server)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("waiting", "%d, for %s at most", b.Waiting, since(b.Oldest, now))
	if b.TxnID != "" {
		line("in flight", "transaction %s, made %s ago", b.TxnID, since(b.TxnCreated, now))
	}
	line("failed", "%d times since the last success", b.Failures)
	line("next try", "%s", nextTry(b, now))
	if b.LastError != "" {
		why := remote.Explain(b.LastError)
		line("last error", "%s", plain(b.LastError))
		line("", "%s", why.Cause)
	}
	if b.DeadLetters.Count > 0 {
		line("dead letters", "%d, the first given up %s ago; why the last was: %s",
			b.DeadLetters.Count, since(b.DeadLetters.Oldest, now), plain(b.DeadLetters.LastReason))
	}
}

// since says how long ago a time is, "-" where it is not known.
func since(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return duration(now.Sub(at))
}

func nextTry(b todevice.Backlog, now time.Time) string {
	switch {
	case b.Waiting == 0:
		return "-"
	case b.RetryAt.After(now):
		return "in " + duration(b.RetryAt.Sub(now))
	default:
		return "now"
	}
}

// duration writes a time in the two units that matter.
func duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	}
}

// printProbe prints each step, and a last line with the verdict.
func printProbe(out io.Writer, name spec.ServerName, probe server.Probe) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, step := range probe.Steps {
		mark, found := "ok", step.Found
		if step.Err != nil {
			mark = "-" // others are tried
			if i == len(probe.Steps)-1 && probe.Err != nil {
				mark = "FAILED"
			}
			if found != "" {
				found += ": "
			}
			found += plain(step.Err.Error())
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", mark, step.Took.Round(100*time.Microsecond), step.Name, found)
	}
	_ = table.Flush() // as with all that is printed
	fmt.Fprintln(out, verdict(name, probe))
}

// verdict says in one line whose fault it is.
func verdict(name spec.ServerName, probe server.Probe) string {
	if probe.Err == nil {
		switch {
		case probe.Own && probe.Fixed:
			return "All is well at the address that federation.hosts gives. Whether others find it by our name was not looked at."
		case probe.Own:
			return "All is well: whoever looks up our name finds this server."
		}
		return fmt.Sprintf("All is well: %s can be reached, and takes what we send.", name)
	}
	why := remote.Explain(probe.Err.Error())
	words := why.Cause + " " + why.Advice
	switch {
	case probe.Own && why.Side != remote.Us:
		return "It is us (“they” are we ourselves here): " + words
	case why.Side == remote.Us:
		return "It is us: " + words
	case why.Side == remote.Them:
		return "It is them: " + words
	default:
		return "It may be either: " + words
	}
}

// plain is a text that strangers may have had a hand in, without what would confuse
// a terminal.
func plain(text string) string {
	quoted := strconv.QuoteToGraphic(text)
	return quoted[1 : len(quoted)-1]
}
