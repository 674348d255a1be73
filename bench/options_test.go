package main

import "testing"

func TestMistakesOnTheCommandLineAreRefused(t *testing.T) {
	if o, err := parseOptions(nil); err != nil || o.scenario != allScenarios || !o.wants(idleScenario) {
		t.Errorf("without flags: %+v (%v), want all scenarios", o, err)
	}
	if o, err := parseOptions([]string{"-scenario", idleScenario}); err != nil || o.wants(localScenario) || !o.wants(idleScenario) {
		t.Errorf("-scenario idle: %+v (%v), want that one only", o, err)
	}
	for _, scenario := range scenarios() {
		if o, err := parseOptions([]string{"-scenario", scenario}); err != nil || !o.wants(scenario) {
			t.Errorf("-scenario %s: %v, want it", scenario, err)
		}
	}
	for _, bad := range [][]string{
		{"-scenario", "remote"},
		{"-senders", "0"},
		{"-receivers", "-1"},
		{"-queued", "0"},
		{"-dead", "0"},
		{"-peers", "0"},
		{"-devices", "0"},
		{"-devices", "60"},
		{"-sessions", "0"},
		{"-sessions", "1005"},
		{"-growth-devices", "1"},
		{"-growth-messages", "999999"},
		{"-day-hours", "1"},
		{"-day-rate", "0"},
		{"-size", "95"},
		{"-size", "60001"},
		{"-for", "0s"},
		{"-rate", "-1"},
		{"-count", "0"},
		{"-count", "2", "-json", "figures.json"},
		{"-count", "2", "-results", "bench"},
		{"-binary", "chappe", "-profile", "profiles"},
		{"-binary", "chappe", "-scenario", "store"},
		{"local"},
	} {
		if _, err := parseOptions(bad); err == nil {
			t.Errorf("%v: accepted", bad)
		}
	}
}
