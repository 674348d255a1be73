package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writeResults writes RESULTS.md, results.json and the charts of a whole run to a folder.
func (r *report) writeResults(dir string) error {
	var files []string // of the charts that have anything
	for _, c := range charts() {
		rows := c.rows(r)
		if len(rows) == 0 {
			continue
		}
		svg, err := c.draw(rows)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, c.file+".svg"), svg, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
		files = append(files, fmt.Sprintf("![%s](%s.svg)", c.title, c.file))
	}
	var text strings.Builder
	r.markdown(&text, files)
	if err := os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return r.write(filepath.Join(dir, "results.json"))
}

// markdown writes the report for people who read it later, with these images.
func (r *report) markdown(out io.Writer, images []string) {
	fmt.Fprintf(out, "# Figures\n\nOf `make bench` on %s, which writes this file anew.\n\n", r.Date.UTC().Format(time.DateOnly))
	fmt.Fprintf(out, "%s\n\n", r.Machine)
	fmt.Fprintln(out, "The load generator runs beside the server on the same cores. Each figure stands beside its floors, the least that\n"+
		"could do the same, measured in the same run; the ratio is Chappe's figure to the floor's.")
	for _, image := range images {
		fmt.Fprintf(out, "\n%s\n", image)
	}
	for i, g := range r.Groups {
		if i == 0 || r.Groups[i-1].Scenario != g.Scenario {
			fmt.Fprintf(out, "\n## %s\n", g.Scenario)
		}
		g.markdown(out)
	}
	fmt.Fprintf(out, "\n## Nothing lost, nothing twice\n\n%s\n\n## Floors\n\n", r.verdicts())
	for _, f := range floors() {
		fmt.Fprintf(out, "- **%s**: %s\n", f.name, f.about)
	}
}

func (g *group) markdown(out io.Writer) {
	fmt.Fprintf(out, "\n%s:\n\n", g.Description)
	fmt.Fprintln(out, "| figure | Chappe | floor | | ratio | wanted | met |\n| --- | ---: | --- | ---: | ---: | --- | --- |")
	for _, f := range g.Figures {
		for _, row := range f.rows() {
			fmt.Fprintf(out, "| %s |\n", strings.Join(row[:], " | "))
		}
	}
}

// verdicts names what broke a promise, and where nothing did says so of all together.
func (r *report) verdicts() string {
	var good, bad []string
	for _, j := range r.Verdicts {
		if name := j.Scenario; j.kept() && j.Server == "Chappe" {
			good = append(good, name)
		} else if !j.kept() {
			bad = append(bad, fmt.Sprintf("- %s, %s: %s", name, j.Server, j.verdict))
		}
	}
	text := "Every message, key and change arrived where it should, once and in order, in: " + strings.Join(good, "; ") + "."
	if len(bad) > 0 {
		text += "\n\n**Not so:**\n\n" + strings.Join(bad, "\n")
	}
	return text
}
