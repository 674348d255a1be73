package main

import (
	"strings"
	"testing"
)

func TestBenchmarkLineHoldsAllFiguresWithTheirUnits(t *testing.T) {
	var r report
	r.Machine.CPU = "a processor"
	g := r.group("rtm-peer", "how fast")
	g.Variant = "with wait_for_ack"
	g.addAlone("messages/s", 1234567.8)
	g.addAlone("send to session p50, ms", 0.25)
	g.addAlone("one publisher: CPU, µs", 12)
	r.group("local", "other").addAlone("RSS, MiB", 30)
	var out strings.Builder
	r.printBenchmarks(&out)
	for _, want := range []string{
		"cpu: a processor\n",
		"BenchmarkRtmPeer/with-wait_for_ack 1 1.23457e+06 messages/s 0.25 ms-send-to-session-p50 12 µs-one-publisher-CPU\n",
		"BenchmarkLocal 1 30 MiB-RSS\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in\n%s", want, &out)
		}
	}
}
