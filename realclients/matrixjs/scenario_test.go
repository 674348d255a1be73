package matrixjs_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

// patience is for a whole scenario.
const patience = 3 * time.Minute

// A scenario is what scenario.js is told.
type scenario struct {
	Alice    string `json:"alice"` // the URLs of their servers
	Bob      string `json:"bob"`
	Rounds   int    `json:"rounds"`
	Messages int    `json:"messages"` // each way in a round
}

// A report is what it says of one device.
type report struct {
	User   string
	Device string
	States []string // of the syncing
	Sent   []struct{ Stamp, User, Device string }
	// Received is as the sender has written it.
	Received   []testserver.Event
	Unverified int
}

// A course says whether the states that a device's syncing went through are as they
// must be.
type course func(states []string) bool

// calm is the course where no server fails.
func calm(states []string) bool { return slices.Equal(states, []string{"PREPARED", "SYNCING"}) }

// shaken is the course where one does.
func shaken(states []string) bool {
	return len(states) > 1 && states[0] == "PREPARED" && states[len(states)-1] == "SYNCING"
}

// checkReports goes through what the devices have sent and received with the ledger.
func checkReports(t *testing.T, text []byte, good course) {
	t.Helper()
	var reports []report
	if err := json.Unmarshal(text, &reports); err != nil {
		t.Fatalf("read the reports: %v\n%s", err, text)
	}
	ledger := testserver.NewLedger()
	for _, r := range reports {
		for _, s := range r.Sent {
			m := ledger.Sending(testserver.Device{User: r.User, ID: r.Device}, testserver.Device{User: s.User, ID: s.Device})
			if m.Stamp() != s.Stamp {
				t.Fatalf("%s %s has sent %q where the ledger has %q", r.User, r.Device, s.Stamp, m.Stamp())
			}
			ledger.Accepted(m)
		}
	}
	for _, r := range reports {
		ledger.Used(testserver.Device{User: r.User, ID: r.Device}, r.Received)
		if !good(r.States) {
			t.Errorf("the syncing of %s %s went through %q", r.User, r.Device, r.States)
		}
		if r.Unverified > 0 {
			t.Errorf("%d messages came to %s %s of devices that it has not verified", r.Unverified, r.User, r.Device)
		}
	}
	if len(reports) == 0 || ledger.Report().Accepted == 0 {
		t.Error("nothing was sent")
	}
	ledger.Check(t)
}
