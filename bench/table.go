package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// print writes the report for people. An output that cannot be written to has
// nobody who could be told.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s\n\n", r.Machine)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tChappe\tfloor\t\tratio\twanted\tmet?")
	for _, g := range r.Groups {
		fmt.Fprintf(table, "%s: %s\n", g.Scenario, g.Description)
		for _, f := range g.Figures {
			for _, row := range f.rows() {
				fmt.Fprintln(table, "  "+strings.Join(row[:], "\t"))
			}
		}
	}
	_ = table.Flush()
	fmt.Fprintln(out)
	for _, j := range r.Verdicts {
		fmt.Fprintf(out, "%s, %s: %s\n", j.Scenario, j.Server, j.verdict)
	}
}

// A row is figure, Chappe, the floor's name, the floor, ratio, what is wanted, and
// whether that is met.
type row [7]string

// rows are a row for each floor. Where there is none, one stands for the figure.
func (f *figure) rows() []row {
	own := row{f.Name, number(f.Chappe), "-", "-", "-", f.Wanted, f.met()}
	if len(f.Floors) == 0 {
		return []row{own}
	}
	var rows []row
	for _, b := range f.Floors {
		r := row{"", "", b.Floor, number(b.Value), b.ratio(f.Chappe), b.Wanted, b.met()}
		if len(rows) == 0 {
			r[0], r[1] = own[0], own[1]
		}
		rows = append(rows, r)
	}
	if f.Wanted != "" && f.Floors[0].Wanted != "" {
		rows = append([]row{own}, rows...)
		rows[1][0], rows[1][1] = "", ""
	} else if f.Wanted != "" {
		rows[0][5], rows[0][6] = own[5], own[6]
	}
	return rows
}

// ratio is what Chappe's figure is of the floor's, "-" where that is nothing.
func (b *beside) ratio(chappe float64) string {
	if b.Value == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", chappe/b.Value)
}

// met says so in a word, "" where nothing is wanted.
func (w wish) met() string {
	if w.Met == nil {
		return ""
	}
	return map[bool]string{true: "yes", false: "NO"}[*w.Met]
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
