package testserver_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

var (
	anna = testserver.Device{User: "@anna:alpha.test", ID: "A"}
	bert = testserver.Device{User: "@bert:beta.test", ID: "B1"}
	bea  = testserver.Device{User: "@bert:beta.test", ID: "B2"}
	all  = testserver.Device{User: "@bert:beta.test", ID: testserver.AllDevices}
)

// eventOf is the event by which a device gets a message.
func eventOf(t *testing.T, m testserver.Message) testserver.Event {
	t.Helper()
	content, err := json.Marshal(m.Content())
	if err != nil {
		t.Fatal(err)
	}
	return testserver.Event{Sender: m.From.User, Type: "im.chappe.test", Content: content}
}

// Anna sends three messages to both devices of bert, one after the other. Each case
// says which of them were answered, and what each device then used in which order.
func TestLedgerTellsEachFaultFromNone(t *testing.T) {
	for _, test := range []struct {
		name     string
		answered []int
		usedB1   []int
		usedB2   []int
		want     testserver.Counts
	}{
		{
			name: "everything came", answered: []int{1, 2, 3}, usedB1: []int{1, 2, 3}, usedB2: []int{1, 2, 3},
			want: testserver.Counts{Accepted: 6, Delivered: 6},
		},
		{
			name: "nothing was answered and nothing came",
		},
		{
			name: "one was lost for one device", answered: []int{1, 2, 3}, usedB1: []int{1, 3}, usedB2: []int{1, 2, 3},
			want: testserver.Counts{Accepted: 6, Delivered: 5, Lost: 1},
		},
		{
			name: "the last was lost for both", answered: []int{1, 2, 3}, usedB1: []int{1, 2}, usedB2: []int{1, 2},
			want: testserver.Counts{Accepted: 6, Delivered: 4, Lost: 2},
		},
		{
			name: "one came three times", answered: []int{1, 2, 3}, usedB1: []int{1, 2, 2, 3, 2}, usedB2: []int{1, 2, 3},
			want: testserver.Counts{Accepted: 6, Delivered: 6, Duplicated: 2},
		},
		{
			name: "two were swapped", answered: []int{1, 2, 3}, usedB1: []int{2, 1, 3}, usedB2: []int{1, 2, 3},
			want: testserver.Counts{Accepted: 6, Delivered: 6, OutOfOrder: 1},
		},
		{
			name: "one overtook two", answered: []int{1, 2, 3}, usedB1: []int{3, 1, 2}, usedB2: []int{1, 2, 3},
			want: testserver.Counts{Accepted: 6, Delivered: 6, OutOfOrder: 2},
		},
		{
			name: "an unanswered one came to one device", answered: []int{1, 3}, usedB1: []int{1, 2, 3}, usedB2: []int{1, 3},
			want: testserver.Counts{Accepted: 4, Delivered: 5},
		},
		{
			name: "an unanswered one came late", answered: []int{1, 3}, usedB1: []int{1, 3, 2}, usedB2: []int{1, 3},
			want: testserver.Counts{Accepted: 4, Delivered: 5},
		},
		{
			name: "an unanswered one came twice", answered: []int{1, 3}, usedB1: []int{1, 2, 3, 2}, usedB2: []int{1, 3},
			want: testserver.Counts{Accepted: 4, Delivered: 5, Duplicated: 1},
		},
		{
			name: "an answered one came after an unanswered later one", answered: []int{1, 2}, usedB1: []int{1, 3, 2}, usedB2: []int{1, 2},
			want: testserver.Counts{Accepted: 4, Delivered: 5, OutOfOrder: 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			ledger := testserver.NewLedger()
			ledger.Join(bert)
			ledger.Join(bea)
			var messages []testserver.Message
			for number := 1; number <= 3; number++ {
				m := ledger.Sending(anna, all)
				messages = append(messages, m)
				if slices.Contains(test.answered, number) {
					ledger.Accepted(m)
				}
			}
			for d, used := range map[testserver.Device][]int{bert: test.usedB1, bea: test.usedB2} {
				for _, number := range used {
					ledger.Used(d, []testserver.Event{eventOf(t, messages[number-1])})
				}
			}
			report := ledger.Report()
			if report.Counts != test.want {
				t.Errorf("got  %v\nwant %+v", report, test.want)
			}
			faults := test.want.Lost + test.want.Duplicated + test.want.OutOfOrder
			if len(report.Faults) != faults {
				t.Errorf("%d faults in words, want %d: %v", len(report.Faults), faults, report.Faults)
			}
		})
	}
}

func TestLedgerTakesAMessageThatComesBeforeItsAnswer(t *testing.T) {
	ledger := testserver.NewLedger()
	m := ledger.Sending(anna, bert)
	ledger.Used(bert, []testserver.Event{eventOf(t, m)})
	ledger.Accepted(m)
	want := testserver.Counts{Accepted: 1, Delivered: 1}
	if report := ledger.Report(); report.Counts != want {
		t.Errorf("got %v, want %+v", report, want)
	}
	if missing := ledger.Missing(bert); missing != 0 {
		t.Errorf("%d messages missing, want none", missing)
	}
}

func TestLedgerTakesRequestsUnderWayTogetherInAnyOrder(t *testing.T) {
	ledger := testserver.NewLedger()
	first, second := ledger.Sending(anna, bert), ledger.Sending(anna, bert)
	ledger.Accepted(first)
	ledger.Accepted(second)
	ledger.Used(bert, []testserver.Event{eventOf(t, second), eventOf(t, first)})
	if report := ledger.Report(); len(report.Faults) != 0 {
		t.Errorf("got %v, want no faults", report)
	}
}

func TestLedgerNoticesStrangers(t *testing.T) {
	ledger := testserver.NewLedger()
	ledger.Join(bert)
	forBert := ledger.Sending(anna, bert)
	ledger.Accepted(forBert)
	ledger.Used(bert, []testserver.Event{eventOf(t, forBert)})
	ledger.Used(bea, []testserver.Event{eventOf(t, forBert)}) // wrong device
	impostor := eventOf(t, forBert)
	impostor.Sender = "@eve:alpha.test"
	ledger.Used(bert, []testserver.Event{impostor})
	ledger.Used(bert, []testserver.Event{{Sender: anna.User, Type: "m.other", Content: []byte(`[]`)}})
	want := testserver.Counts{Accepted: 1, Delivered: 1, Unexpected: 3}
	report := ledger.Report()
	if report.Counts != want {
		t.Errorf("got %v, want %+v", report, want)
	}
	if !strings.Contains(report.String(), "(m.other)") {
		t.Errorf("the report does not name the stranger: %v", report)
	}
}

func TestLedgerCountsAWildcardForTheDevicesThatHadJoined(t *testing.T) {
	ledger := testserver.NewLedger()
	ledger.Join(bert)
	ledger.Accepted(ledger.Sending(anna, all, bert))
	ledger.Join(bea)
	ledger.Join(bea)
	ledger.Accepted(ledger.Sending(anna, all))
	if b1, b2 := ledger.Missing(bert), ledger.Missing(bea); b1 != 2 || b2 != 1 {
		t.Errorf("missing %d and %d, want 2 and 1", b1, b2)
	}
	want := testserver.Counts{Accepted: 3, Lost: 3}
	if report := ledger.Report(); report.Counts != want {
		t.Errorf("got %v, want %+v", report, want)
	}
}

func TestLedgerKnowsAPeerMessageByItsPayload(t *testing.T) {
	ledger := testserver.NewLedger()
	m := ledger.Sending(anna, bert)
	ledger.Accepted(m)
	content, err := json.Marshal(map[string]any{"payload": m.Stamp(), "app_id": "x"})
	if err != nil {
		t.Fatal(err)
	}
	ledger.Used(bert, []testserver.Event{{Sender: anna.User, Type: "im.chappe.rtm.peer_message", Content: content}})
	ledger.Check(t)
}
