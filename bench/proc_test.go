package main

import (
	"testing"
	"time"
)

func TestProcessorTimeIsReadWhateverTheProgramIsCalled(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 120 30 7 7 20 0"
	for stat, want := range map[string]time.Duration{
		"12 (chappe)" + rest:                  1500 * time.Millisecond,
		"12 (a b) c (d)" + rest:               1500 * time.Millisecond,
		"12 (x) S 1 2 3":                      -1,
		"12 (x) S 1 2 3 4 5 6 7 8 9 10 a b 7": -1,
		"":                                    -1,
	} {
		got, err := parseStat([]byte(stat))
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %v (%v), want %v", stat, got, err, want)
		}
	}
}

func TestMemoryIsReadInBytes(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tx\nVmRSS:\t   19464 kB\nThreads:\t7\n": 19464 << 10,
		"Name:\tx\nVmRSS:\t  2 MB\n":                   -1,
		"Name:\tx\nVmRSS:\t  a kB\n":                   -1,
		"Name:\tx\nVmSize:\t  2 kB\n":                  -1,
	} {
		got, err := parseStatus([]byte(status))
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d (%v), want %d", status, got, err, want)
		}
	}
}
