package keyledger_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/keyledger"
)

// A record keeps what a check says.
type record struct {
	testing.TB
	faults []string
}

func (r *record) Helper()                   {}
func (r *record) Error(args ...any)         { r.faults = append(r.faults, fmt.Sprint(args...)) }
func (r *record) Errorf(f string, a ...any) { r.faults = append(r.faults, fmt.Sprintf(f, a...)) }

func TestLedgerSeesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*keyledger.Ledger)
		left int
		want string // "" where all is well
	}{
		{"nothing given", func(*keyledger.Ledger) {}, 4, ""},
		{"two given", func(l *keyledger.Ledger) { l.Claim().Got("D", 1); l.Claim().Got("D", 2) }, 2, ""},
		{"at the same time in any order", func(l *keyledger.Ledger) {
			first, second := l.Claim(), l.Claim()
			second.Got("D", 1)
			first.Got("D", 2)
			l.Claim().Got("D", 3)
		}, 1, ""},
		{"twice", func(l *keyledger.Ledger) { l.Claim().Got("D", 1); l.Claim().Got("D", 1) }, 3, "key 1 of D was given twice"},
		{"the later one first", func(l *keyledger.Ledger) { l.Claim().Got("D", 2); l.Claim().Got("D", 1) }, 2,
			"key 2 of D was given before one uploaded earlier was asked for"},
		{"one that was not uploaded", func(l *keyledger.Ledger) { l.Claim().Got("D", 5) }, 3, "never uploaded"},
		{"one too few left", func(l *keyledger.Ledger) { l.Claim().Got("D", 1) }, 2, "1 are lost, and 0 claims had no answer"},
		{"one too many left", func(l *keyledger.Ledger) { l.Claim().Got("D", 1) }, 4, "-1 are lost"},
		{"one lost with a claim", func(l *keyledger.Ledger) { l.Claim().Unanswered("D"); l.Claim().Got("D", 2) }, 2, ""},
		{"two lost with a claim", func(l *keyledger.Ledger) { l.Claim().Unanswered("D") }, 2, "2 are lost"},
		{"a lost one comes back", func(l *keyledger.Ledger) {
			l.Claim().Unanswered("D")
			l.Check(&record{}, "D", 3)
			l.Claim().Got("D", 1)
		}, 3, "key 1 of D was given, and was gone before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := keyledger.New()
			l.Offer("D", 4)
			l.Uploaded("D")
			c.do(l)
			r := &record{TB: t}
			l.Check(r, "D", c.left)
			if got := strings.Join(r.faults, "\n"); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
