package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// sample is a report of two scenarios, one of them without a floor.
func sample() *report {
	var r report
	itself := func(x float64) float64 { return x }
	local := comparison[float64]{chappe: 500, floors: []floorRun[float64]{{inMemoryFloor, 2000}, {durableFloorName, 800}}}
	local.add(r.group(localScenario, "%d senders", 64), "delivered/s", itself).wantShare(durableFloorName, 0.8)
	r.group(federatedScenario, "two servers").addAlone("delivered/s", 300)
	for _, how := range []string{"without", "with"} {
		g := r.group(rtmPeerScenario, "%s it", how)
		g.Variant = how
		g.addAlone("messages/s", 70)
	}
	r.judgeAlone(localScenario, verdict{})
	return &r
}

func TestChartHasABarForEachServerUnderTheFigure(t *testing.T) {
	want := []chartRow{
		{name: "local: delivered/s", heading: true}, {name: "Chappe", value: 500, chappe: true},
		{name: inMemoryFloor, value: 2000}, {name: durableFloorName, value: 800},
		{name: "federated: delivered/s", heading: true}, {name: "Chappe", value: 300, chappe: true},
		{name: "rtm-peer without: messages/s", heading: true}, {name: "Chappe", value: 70, chappe: true},
		{name: "rtm-peer with: messages/s", heading: true}, {name: "Chappe", value: 70, chappe: true},
	}
	if got := charts()[0].rows(sample()); !slices.Equal(got, want) {
		t.Errorf("the rows are %v, want %v", got, want)
	}
}

func TestChartOfTheSameFiguresIsTheSameFile(t *testing.T) {
	c := charts()[0]
	draw := func(r *report) []byte {
		t.Helper()
		svg, err := c.draw(c.rows(r))
		if err != nil {
			t.Fatal(err)
		}
		return svg
	}
	first := draw(sample())
	if !bytes.Equal(first, draw(sample())) {
		t.Error("it differs")
	}
	other := sample()
	other.Groups[0].Figures[0].Chappe++
	if bytes.Equal(first, draw(other)) {
		t.Error("another figure makes no other file")
	}
}

func TestChartSaysEveryNameAndValue(t *testing.T) {
	c := charts()[0]
	svg, err := c.draw(c.rows(sample()))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if words, ok := token.(xml.CharData); ok {
			text.Write(words)
			text.WriteByte('\n')
		}
	}
	for _, want := range []string{"Messages a second", "local: delivered/s", "Chappe", "500", inMemoryFloor, "2000", "300"} {
		if !strings.Contains(text.String(), "\n"+want+"\n") {
			t.Errorf("it does not say %q, but\n%s", want, &text)
		}
	}
}

func TestChartOfNothingButZerosCanBeDrawn(t *testing.T) {
	if _, err := charts()[0].draw([]chartRow{{name: "nothing"}}); err != nil {
		t.Error(err)
	}
}

func TestChartsAreOfFiguresOfScenarios(t *testing.T) {
	known := strings.Join(scenarios(), " ") + " "
	for _, c := range charts() {
		for _, of := range c.of {
			if !strings.Contains(known, of.scenario+" ") {
				t.Errorf("%s: no scenario is called %s", c.file, of.scenario)
			}
		}
	}
}
