package demo

import (
	"bytes"
	"strings"
	"testing"
)

func TestBothMessagesGoAcrossAndEachHopIsPrinted(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	rest := out.String()
	for _, want := range []string{
		"alpha.example has it on disk and answers 200 to PUT /_matrix/client/v3/sendToDevice",
		"@bob:beta.example's device has it: im.chappe.demo from @alice:alpha.example",
		"alpha.example has it on disk and answers 200 to POST /dev/v2/project",
		"@bob:beta.example's device has it: im.chappe.rtm.peer_message",
		"Both messages went across",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("%q is not in\n%s", want, out.String())
		}
		rest = after
	}
	if got := strings.Count(out.String(), "beta.example has it on disk and answers 200 to PUT /_matrix/federation/v1/send/"); got != 2 {
		t.Errorf("%d hops between the servers, want 2:\n%s", got, out.String())
	}
}
