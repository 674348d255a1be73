package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"unicode"
)

// printBenchmarks writes the figures of Chappe in the Go benchmark format, a line for
// each group, so that benchstat compares runs. Of a machine it says what go test says;
// the commit is left out, since benchstat does not put runs of different commits side by
// side. See https://go.dev/design/14313-benchmark-format.
func (r *report) printBenchmarks(out io.Writer) {
	fmt.Fprintf(out, "goos: %s\ngoarch: %s\npkg: %s\ncpu: %s\n", runtime.GOOS, runtime.GOARCH, chappePackage, r.Machine.CPU)
	for _, g := range r.Groups {
		fmt.Fprintln(out, g.benchmark())
	}
}

// benchmark is the group as a line.
func (g *group) benchmark() string {
	name := "Benchmark" + camelCase(g.Scenario)
	if g.Variant != "" {
		name += "/" + hyphened(g.Variant)
	}
	line := name + " 1"
	for _, f := range g.Figures {
		line += fmt.Sprintf(" %.6g %s", f.Chappe, f.benchmarkUnit())
	}
	return line
}

// benchmarkUnit is the name with the unit at its beginning, as benchmarks have it:
// "ms-send-to-sync-p50". It tells the figures of a line apart.
func (f *figure) benchmarkUnit() string {
	if bare := f.bareName(); bare != f.Name {
		return hyphened(f.Unit + " " + bare)
	}
	return hyphened(f.Name)
}

// hyphened joins the words of a text.
func hyphened(text string) string {
	words := strings.FieldsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || c == ',' || c == ':' })
	return strings.Join(words, "-")
}

// camelCase gives each word of a scenario's name a capital.
func camelCase(scenario string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(scenario, "-") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}
