package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestResultsHoldDateFiguresVerdictsFloorsAndCharts(t *testing.T) {
	r, dir := sample(), t.TempDir()
	r.Date = time.Date(2026, 2, 3, 23, 0, 0, 0, time.UTC)
	r.Machine = machine{Cores: 2, CPU: "a processor", Commit: "abc"}
	r.judgeAlone(federatedScenario, verdict{Lost: 3})
	if err := r.writeResults(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"on 2026-02-03",
		"2 cores, a processor",
		"commit abc",
		"## local\n\n64 senders:\n",
		"| delivered/s | 500 | net/http in memory | 2000 | 0.25 |  |  |\n",
		"|  |  | the same with SQLite group commit | 800 | 0.62 | >= 80 % | NO |\n",
		"| delivered/s | 300 | - | - | - |  |  |\n",
		"once and in order, in: local.",
		"- federated, Chappe: lost 3",
		"- **" + durableFloorName + "**: ",
		"![Messages a second](messages.svg)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Count(string(text), "## rtm-peer\n") != 1 || strings.Contains(string(text), "memory.svg") {
		t.Errorf("a scenario twice, or a chart of nothing:\n%s", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "messages.svg")); err != nil {
		t.Error(err)
	}
}

func TestResultsForProgramsKeepUnitsAndFloors(t *testing.T) {
	r, path := sample(), filepath.Join(t.TempDir(), "results.json")
	r.Groups[0].addAlone("send to sync p50, ms", 1)
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	figures := got.Groups[0].Figures
	if figures[0].Unit != "delivered/s" || figures[1].Unit != "ms" || len(figures[0].Floors) != 2 ||
		*figures[0].Floors[1] != (beside{Floor: durableFloorName, Value: 800, wish: wish{">= 80 %", figures[0].Floors[1].Met}}) {
		t.Errorf("it holds %s", text)
	}
}

func TestUnitIsBehindTheCommaOrARate(t *testing.T) {
	for name, want := range map[string]string{
		"delivered/s":                        "delivered/s",
		"PUT/s while it is down":             "PUT/s",
		"send to sync p50, ms":               "ms",
		"64 devices of the user, syncs/s":    "syncs/s",
		"backlog when it ends, s of waiting": "s of waiting",
		"bytes per destination":              "",
	} {
		if got := unit(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
