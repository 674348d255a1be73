package syncapi

import (
	"strings"
	"testing"
)

func TestTokenComesBackAsItWas(t *testing.T) {
	for _, want := range []token{
		{}, {epoch: 1, inbox: 2, changes: 3}, {epoch: ^epoch(0), inbox: 1<<63 - 1, changes: 1<<63 - 1},
	} {
		if got, err := parseToken(want.String()); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", want, got, err, want)
		}
	}
}

func TestTokenIsURLSafe(t *testing.T) {
	const safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	s := token{epoch: 0xfbefbefbefbefbef, inbox: 12, changes: 3}.String()
	if strings.Trim(s, safe) != "" {
		t.Errorf("%s needs escapes in a URL", s)
	}
}

// Tokens that earlier versions made must be read for ever.
func TestTokensOfEarlierVersionsAreRead(t *testing.T) {
	for s, want := range map[string]token{
		"1AAAAAAAAAAE.2.0": {epoch: 1, inbox: 2},
	} {
		if got, err := parseToken(s); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", s, got, err, want)
		}
	}
}

func TestGarbageIsNoToken(t *testing.T) {
	good := token{epoch: 1, inbox: 2}.String()
	for _, s := range []string{
		"", "0", "s72595_4483_1934", good + ".", "." + good, good[1:], "2" + good[1:],
		"1AAAAAAAAAAE.2", "1AAAAAAAAAAE.2.0.0", "1AAAAAAAAAAE.-2.0", "1AAAAAAAAAAE.+2.0", "1AAAAAAAAAAE.02.0",
		"1AAAAAAAAAAE.9223372036854775808.0", "1AAAAAAAAAA.2.0", "1AAAAAAAAAAF.2.0", "1AAAAAAAAAAE=.2.0", "1AAAAAAAAAAE. 2.0", "1AAAAAAAAAAE.2.0\n", "1AAAAA\rAAAAAE.2.0", "1\nAAAAAAAAAAE.2.0",
	} {
		if got, err := parseToken(s); err == nil {
			t.Errorf("%q was taken for a token: %+v", s, got)
		}
	}
}

func TestEpochTellsDatabasesAndDevicesApart(t *testing.T) {
	a, b := []byte("0123456789abcdef"), []byte("0123456789abcdeg")
	seen := map[epoch]bool{}
	for _, e := range []epoch{epochOf(a, 1), epochOf(a, 2), epochOf(b, 1), epochOf(b, 2)} {
		if seen[e] {
			t.Errorf("epoch %x stands for two", e)
		}
		seen[e] = true
	}
	if again := epochOf(a, 1); !seen[again] {
		t.Error("the epoch of a device changes")
	}
}

// FuzzToken: whatever is taken for a token is written back as it came, so that no
// two texts mean the same token and nothing is read into garbage.
func FuzzToken(f *testing.F) {
	f.Add(token{epoch: 0xfeed, inbox: 12, changes: 3}.String())
	f.Add("1AAAAAAAAAAE.2.0")
	f.Add("s72595_4483_1934")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseToken(s)
		if err != nil {
			return
		}
		if got.String() != s {
			t.Errorf("%q was read as %+v, which is written %q", s, got, got)
		}
		if got.inbox < 0 || got.changes < 0 {
			t.Errorf("%q has a negative position", s)
		}
	})
}
