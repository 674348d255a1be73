package main

// A chart puts comparable figures side by side, each beside its floors.
type chart struct {
	file  string // its name, without ".svg"
	title string // with the unit
	of    []choice
}

// A choice is a figure of a scenario, in each of its groups.
type choice struct{ scenario, figure string }

// A chartRow is the heading of a figure, or the bar of what one server did.
type chartRow struct {
	name    string
	value   float64
	heading bool
	chappe  bool // or a floor
}

// charts are those of a whole run, in the order of the results.
func charts() []chart {
	return []chart{
		{"messages", "Messages a second", []choice{
			{localScenario, "delivered/s"}, {federatedScenario, "delivered/s"}, {rtmPeerScenario, "messages/s"},
		}},
		{"latency", "From send to arrival, ms", []choice{
			{latencyScenario, "send to sync p50, ms"}, {latencyScenario, "send to sync p99, ms"},
			{federatedLatencyScenario, "send to sync p50, ms"}, {federatedLatencyScenario, "send to sync p99, ms"},
			{rtmLatencyScenario, "send to session p50, ms"}, {rtmLatencyScenario, "send to session p99, ms"},
		}},
		{"cpu", "Server CPU per message, ms", []choice{
			{localScenario, "server CPU per message, ms"},
			{federatedScenario, "CPU of the sending server per message, ms"},
			{federatedScenario, "CPU of the receiving server per message, ms"},
			{rtmPeerScenario, "server CPU per message, ms"},
		}},
		{"memory", "Memory for each that waits, KiB", []choice{
			{idleScenario, "RSS per idle long poll, KiB"}, {rtmIdleScenario, "RSS per idle session, KiB"},
		}},
		{"rows", "Rows a second through group commit", []choice{{storeScenario, "rows/s"}}},
		{"channels", "Deliveries a second in one channel", []choice{{rtmChannelScenario, "deliveries/s"}}},
		{"keys", "Requests about keys a second", []choice{
			{uploadScenario, "requests/s"}, {queryScenario, "queries/s"}, {claimScenario, "requests/s"},
		}},
	}
}

// rows are those of the figures that were measured, from top to bottom.
func (c chart) rows(r *report) []chartRow {
	var rows []chartRow
	for _, choice := range c.of {
		for _, g := range r.Groups {
			for _, f := range g.Figures {
				if g.Scenario == choice.scenario && f.Name == choice.figure {
					rows = append(rows, g.chartRows(f)...)
				}
			}
		}
	}
	return rows
}

func (g *group) chartRows(f *figure) []chartRow {
	name := g.Scenario
	if g.Variant != "" {
		name += " " + g.Variant
	}
	rows := []chartRow{{name: name + ": " + f.bareName(), heading: true}, {name: "Chappe", value: f.Chappe, chappe: true}}
	for _, floor := range f.Floors {
		rows = append(rows, chartRow{name: floor.Floor, value: floor.Value})
	}
	return rows
}
