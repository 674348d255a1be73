package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// A report is everything a run found out.
type report struct {
	Machine  machine    `json:"machine"`
	Groups   []*group   `json:"scenarios"`
	Verdicts []judgment `json:"verdicts"`
}

// A group holds the figures of one scenario.
type group struct {
	Scenario    string    `json:"scenario"`
	Description string    `json:"description"`
	Figures     []*figure `json:"figures"`
}

// A figure is one line of the table.
type figure struct {
	Name   string   `json:"figure"`
	Chappe float64  `json:"chappe"`
	Floor  *float64 `json:"floor,omitempty"`  // nil where there is no floor
	Wanted string   `json:"wanted,omitempty"` // "" where nothing is
	Met    *bool    `json:"met,omitempty"`    // nil where nothing is wanted
}

// A judgment says whether every message of a scenario arrived as it should.
type judgment struct {
	Scenario string `json:"scenario"`
	Server   string `json:"server"`
	verdict
}

func (r *report) group(scenario, description string, args ...any) *group {
	g := &group{Scenario: scenario, Description: fmt.Sprintf(description, args...)}
	r.Groups = append(r.Groups, g)
	return g
}

func (g *group) add(name string, chappe, floor float64) *figure {
	f := g.addAlone(name, chappe)
	f.Floor = &floor
	return f
}

func (g *group) addAlone(name string, chappe float64) *figure {
	f := &figure{Name: name, Chappe: chappe}
	g.Figures = append(g.Figures, f)
	return f
}

func (f *figure) want(wanted string, met bool) { f.Wanted, f.Met = wanted, &met }

// judge enters the verdicts on a scenario. The floor's says that the generator can
// be believed.
func (r *report) judge(scenario string, chappe, floor verdict) {
	r.judgeAlone(scenario, chappe)
	r.Verdicts = append(r.Verdicts, judgment{scenario, "floor", floor})
}

func (r *report) judgeAlone(scenario string, chappe verdict) {
	r.Verdicts = append(r.Verdicts, judgment{scenario, "Chappe", chappe})
}

// kept tells whether all verdicts are good.
func (r *report) kept() bool {
	for _, j := range r.Verdicts {
		if !j.kept() {
			return false
		}
	}
	return true
}

// print writes the report for people. An output that cannot be written to has
// nobody who could be told.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s\n\n", r.Machine)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tChappe\tfloor\tratio\twanted\tmet?")
	for _, g := range r.Groups {
		fmt.Fprintf(table, "%s: %s\n", g.Scenario, g.Description)
		for _, f := range g.Figures {
			fmt.Fprintln(table, f.line())
		}
	}
	_ = table.Flush()
	fmt.Fprintln(out)
	for _, j := range r.Verdicts {
		fmt.Fprintf(out, "%s, %s: %s\n", j.Scenario, j.Server, j.verdict)
	}
}

func (f *figure) line() string {
	floor, ratio, met := "-", "-", ""
	if f.Floor != nil {
		floor = number(*f.Floor)
		if *f.Floor != 0 {
			ratio = fmt.Sprintf("%.2f", f.Chappe / *f.Floor)
		}
	}
	if f.Met != nil {
		met = map[bool]string{true: "yes", false: "NO"}[*f.Met]
	}
	return strings.Join([]string{"  " + f.Name, number(f.Chappe), floor, ratio, f.Wanted, met}, "\t")
}

// number writes a figure with about three digits that mean something.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// write writes the report for programs.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
