package relay

import (
	"testing"
	"time"
	"unicode/utf8"
)

func TestMessageIDsGrowWithTheTimeAndAreNeverTheSame(t *testing.T) {
	at := time.UnixMilli(1_795_000_000_000)
	seen := make(map[string]bool)
	for last, i := "", 0; i < 1000; i++ {
		first, second := messageID(at), messageID(at)
		if seen[first] || seen[second] || first == second {
			t.Fatalf("%s or %s was given out twice", first, second)
		}
		seen[first], seen[second] = true, true
		if utf8.RuneCountInString(first) != 32 {
			t.Fatalf("%s has not the 32 characters that are allowed", first)
		}
		if first[:6] != second[:6] {
			t.Errorf("at one time: %s and %s", first, second)
		}
		if first[:6] <= last {
			t.Errorf("%s comes later than %s, and is sorted before it", first, last)
		}
		last = first[:6]
		at = at.Add(messageIDTick)
	}
}
