package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// A report is everything a run found out.
type report struct {
	Date     time.Time  `json:"date"` // when it began
	Machine  machine    `json:"machine"`
	Groups   []*group   `json:"scenarios"`
	Verdicts []judgment `json:"verdicts"`
}

// A group holds the figures of one scenario.
type group struct {
	Scenario string `json:"scenario"`
	// Variant tells groups of one scenario apart, "" where there is but one.
	Variant     string    `json:"variant,omitempty"`
	Description string    `json:"description"`
	Figures     []*figure `json:"figures"`
}

// A figure is one line of the table.
type figure struct {
	// Name ends with the unit, after a comma; a rate is its own.
	Name   string    `json:"figure"`
	Unit   string    `json:"unit,omitempty"`
	Chappe float64   `json:"chappe"`
	Floors []*beside `json:"floors,omitempty"` // none where there is no floor
	wish
}

// A beside is the same figure of a floor.
type beside struct {
	Floor string  `json:"floor"`
	Value float64 `json:"value"`
	wish          // of Chappe's share of it
}

// A wish is what is wanted of a figure.
type wish struct {
	Wanted string `json:"wanted,omitempty"` // "" where nothing is
	Met    *bool  `json:"met,omitempty"`    // nil where nothing is wanted
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

func (g *group) addAlone(name string, chappe float64) *figure {
	f := &figure{Name: name, Unit: unit(name), Chappe: chappe}
	g.Figures = append(g.Figures, f)
	return f
}

// unit finds the unit in a figure's name, "" where it has none.
func unit(name string) string {
	if i := strings.LastIndex(name, ", "); i >= 0 {
		return name[i+2:]
	}
	rate, _, _ := strings.Cut(name, " ")
	if strings.HasSuffix(rate, "/s") {
		return rate
	}
	return ""
}

// bareName is the name without what comes behind the comma.
func (f *figure) bareName() string {
	if i := strings.LastIndex(f.Name, ", "); i >= 0 {
		return f.Name[:i]
	}
	return f.Name
}

func (w *wish) want(wanted string, met bool) { w.Wanted, w.Met = wanted, &met }

// wantShare wants at least so much of what a floor does, and nothing where that was not
// measured.
func (f *figure) wantShare(floor string, least float64) *figure {
	for _, b := range f.Floors {
		if b.Floor == floor {
			b.want(fmt.Sprintf(">= %.0f %%", 100*least), f.Chappe >= least*b.Value)
		}
	}
	return f
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
