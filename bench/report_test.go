package main

import (
	"strings"
	"testing"
)

func TestOneBrokenPromiseSpoilsTheReport(t *testing.T) {
	var r report
	c := comparison[verdict]{floors: []floorRun[verdict]{{hubFloor, verdict{}}}}
	itself := func(v verdict) verdict { return v }
	c.judge(&r, "local", itself)
	if !r.kept() {
		t.Error("a report without a fault is not kept")
	}
	r.judgeAlone("federated", verdict{OutOfOrder: 1})
	c.judge(&r, "idle", itself)
	if r.kept() {
		t.Error("a message out of order went unnoticed")
	}
	var out strings.Builder
	r.print(&out)
	for _, want := range []string{
		"local, Chappe: lost 0, duplicated 0, out of order 0\n",
		"local, a bare WebSocket hub: lost 0, duplicated 0, out of order 0\n",
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
	itself := func(x float64) float64 { return x }
	one := comparison[float64]{chappe: 500, floors: []floorRun[float64]{{"memory", 2000}}}
	one.add(g, "delivered/s", itself).wantShare("memory", 0.4)
	two := comparison[float64]{chappe: 0.25, floors: []floorRun[float64]{{"memory", 0.1}, {"disk", 0.5}}}
	two.add(g, "cpu", itself).wantShare("disk", 0.5).want("<= 0.30", true)
	two.add(g, "both", itself).wantShare("memory", 2).want("<= 0.20", false)
	g.addAlone("alone", 12.34)
	comparison[float64]{}.add(g, "chappe only", itself).wantShare("memory", 0.4)
	var out strings.Builder
	r.print(&out)
	for _, want := range [][]string{
		{"delivered/s", "500", "memory", "2000", "0.25", ">= 40 %", "NO"},
		{"cpu", "0.250", "memory", "0.100", "2.50", "<= 0.30", "yes"},
		{"disk", "0.500", "0.50", ">= 50 %", "yes"},
		{"both", "0.250", "-", "-", "-", "<= 0.20", "NO"},
		{"memory", "0.100", "2.50", ">= 200 %", "yes"},
		{"alone", "12.3", "-", "-", "-"},
		{"chappe only", "0.000", "-", "-", "-"},
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
