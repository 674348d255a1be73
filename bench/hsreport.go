package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// An hsServer says which server the figures are of.
type hsServer struct {
	URL string `json:"url"`
	// Name and Version are what it calls itself, "" where it does not say.
	Name     string   `json:"name,omitempty"`
	Version  string   `json:"version,omitempty"`
	Versions []string `json:"versions"` // of the specification
	// RoundTrip is how long it takes, in milliseconds, to ask for these: half of ten
	// requests took no longer. What is measured has the same way to go.
	RoundTrip float64 `json:"round_trip_ms"`
}

// describe asks the server what it is.
func (h *homeserver) describe(ctx context.Context) (hsServer, error) {
	const versionsPath = "/_matrix/client/versions"
	s := hsServer{URL: h.base.String()}
	var versions struct {
		Versions []string `json:"versions"`
	}
	if err := h.get(ctx, versionsPath, "", &versions); err != nil {
		return s, err
	}
	s.Versions = versions.Versions
	var is struct {
		Server struct{ Name, Version string } `json:"server"`
	}
	// Where it fails other servers come in elsewhere.
	if err := h.get(ctx, "/_matrix/federation/v1/version", "", &is); err == nil {
		s.Name, s.Version = is.Server.Name, is.Server.Version
	}
	var times []time.Duration
	for range 10 {
		begin := time.Now()
		if err := h.get(ctx, versionsPath, "", &versions); err != nil {
			return s, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	s.RoundTrip = milliseconds(percentile(times, 50))
	return s, nil
}

func (s hsServer) String() string {
	name := "it does not tell its name"
	if s.Name != "" {
		name = fmt.Sprintf("%.100q", strings.TrimSpace(s.Name+" "+s.Version))
	}
	return fmt.Sprintf("the remote server %s: %s; Matrix %.300q; GET versions takes %.2f ms from here",
		s.URL, name, strings.Join(s.Versions, " "), s.RoundTrip)
}

// An hsReport is what a run has found out about a homeserver.
type hsReport struct {
	Server    hsServer  `json:"server"`
	Scenarios []*hsSeen `json:"scenarios"`
}

// An hsSeen holds the figures of one scenario.
type hsSeen struct {
	Scenario    string     `json:"scenario"`
	Description string     `json:"description"`
	Figures     []hsFigure `json:"figures"`
	Verdict     verdict    `json:"verdict"`
}

type hsFigure struct {
	Name  string  `json:"figure"`
	Value float64 `json:"value"`
}

func (f hsFigure) String() string {
	if f.Value == math.Trunc(f.Value) { // a count
		return fmt.Sprintf("  %s\t%.0f", f.Name, f.Value)
	}
	return fmt.Sprintf("  %s\t%s", f.Name, number(f.Value))
}

func (r *hsReport) add(scenario string, seen hsResult, description string, args ...any) {
	r.Scenarios = append(r.Scenarios, &hsSeen{
		Scenario: scenario, Description: fmt.Sprintf(description, args...), Verdict: seen.verdict,
		Figures: []hsFigure{
			{"PUT/s", seen.acceptedPerSecond()},
			{"delivered/s", seen.deliveredPerSecond()},
			{"messages whose latency was measured", float64(len(seen.latencies))},
			{"send to sync p50, ms", seen.latency(50)},
			{"send to sync p99, ms", seen.latency(99)},
			{"send to sync max, ms", seen.latency(100)},
			{"answers 429", float64(seen.limited)},
			{"answers 5xx or none", float64(seen.failed)},
		},
	})
}

// kept tells whether every message came once and to the right device. Their order is
// told, but no server is failed for it: the specification asks for that of arrival, and
// says no more.
//
// https://spec.matrix.org/v1.15/client-server-api/#server-behaviour-4
func (r *hsReport) kept() bool {
	return !slices.ContainsFunc(r.Scenarios, func(s *hsSeen) bool {
		return s.Verdict.Lost+s.Verdict.Duplicated+s.Verdict.Misdelivered > 0
	})
}

// print writes the report for people. An output that cannot be written to has nobody who
// could be told.
func (r *hsReport) print(out io.Writer) {
	fmt.Fprintf(out, "Figures of %s.\n\n", r.Server)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range r.Scenarios {
		fmt.Fprintf(table, "%s: %s\n", s.Scenario, s.Description)
		for _, f := range s.Figures {
			fmt.Fprintln(table, f)
		}
	}
	_ = table.Flush()
	fmt.Fprintln(out)
	for _, s := range r.Scenarios {
		fmt.Fprintf(out, "%s: %s\n", s.Scenario, s.Verdict)
	}
}

// write writes the report for programs.
func (r *hsReport) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
