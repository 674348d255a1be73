package main

import (
	"strings"
	"testing"
)

func TestOneBrokenPromiseSpoilsTheReport(t *testing.T) {
	var r report
	r.judge("local", verdict{}, verdict{})
	if !r.kept() {
		t.Error("a report without a fault is not kept")
	}
	r.judgeAlone("federated", verdict{OutOfOrder: 1})
	r.judge("idle", verdict{}, verdict{})
	if r.kept() {
		t.Error("a message out of order went unnoticed")
	}
	var out strings.Builder
	r.print(&out)
	for _, want := range []string{
		"local, Chappe: lost 0, duplicated 0, out of order 0\n",
		"federated, Chappe: lost 0, duplicated 0, out of order 1\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
}

func TestTheTableSaysWhatIsWantedAndWhetherItIsMet(t *testing.T) {
	var r report
	g := r.group("local", "%d senders", 64)
	g.add("delivered/s", 500, 2000).want(">= 40 %", false)
	g.add("cpu", 0.25, 0.1).want("<= 0.30", true)
	g.addAlone("alone", 12.34)
	var out strings.Builder
	r.print(&out)
	for _, want := range [][]string{
		{"delivered/s", "500", "2000", "0.25", ">= 40 %", "NO"},
		{"cpu", "0.250", "0.100", "2.50", "<= 0.30", "yes"},
		{"alone", "12.3", "-", "-"},
	} {
		if !hasLine(out.String(), want) {
			t.Errorf("no line with %v in\n%s", want, &out)
		}
	}
}

// hasLine tells whether a line consists of these cells.
func hasLine(text string, cells []string) bool {
	want := strings.Join(strings.Fields(strings.Join(cells, " ")), " ")
	for line := range strings.Lines(text) {
		if strings.Join(strings.Fields(line), " ") == want {
			return true
		}
	}
	return false
}
