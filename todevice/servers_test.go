package todevice

import (
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

func TestServerRulesHoldForEverySpellingOfAName(t *testing.T) {
	list := func(patterns ...string) []string { return patterns }
	for _, c := range []struct {
		name        string
		allow, deny []string
		admitted    []spec.ServerName
		refused     []spec.ServerName
	}{
		{"no rules", nil, nil, []spec.ServerName{"a.test", "1.2.3.4:5"}, nil},
		{"a name denied", nil, list("evil.test"),
			[]spec.ServerName{"good.test", "notevil.test", "sub.evil.test", "evil.test.org"},
			[]spec.ServerName{"evil.test", "evil.test:8448", "evil.test:1", "EVIL.test", "evil.test."}},
		{"a port denied", nil, list("evil.test:1"), []spec.ServerName{"evil.test", "evil.test:2"}, []spec.ServerName{"Evil.test:1"}},
		{"what is beneath denied", nil, list("*.evil.test"),
			[]spec.ServerName{"evil.test", "aevil.test", "test"},
			[]spec.ServerName{"a.evil.test", "a.b.evil.test:5", "A.EVIL.TEST"}},
		{"a name allowed", list("good.test", "*.good.test"), nil,
			[]spec.ServerName{"good.test", "good.test:8449", "a.good.test"}, []spec.ServerName{"a.test", "xgood.test"}},
		{"denied among the allowed", list("*.good.test"), list("evil.good.test", "*.evil.good.test"),
			[]spec.ServerName{"a.good.test"}, []spec.ServerName{"evil.good.test", "a.evil.good.test", "good.test"}},
		{"an address", nil, list("[2001:db8::1]", "10.0.0.1"), []spec.ServerName{"[2001:db8::2]"},
			[]spec.ServerName{"[2001:DB8:0:0::1]:8448", "10.0.0.1:9", "[::ffff:10.0.0.1]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := NewServerRules(c.allow, c.deny)
			for _, server := range c.admitted {
				if !rules.Admit(server) {
					t.Errorf("%s is refused", server)
				}
			}
			for _, server := range c.refused {
				if rules.Admit(server) {
					t.Errorf("%s is admitted", server)
				}
			}
		})
	}
}

func TestServerPatternsAreNamesOrWhatIsBeneathThem(t *testing.T) {
	for pattern, valid := range map[string]bool{
		"example.org": true, "example.org:8449": true, "*.example.org": true, "[::1]:80": true, "10.0.0.1": true,
		"": false, "*": false, "*.": false, "*.*.org": false, "a.*.org": false, "*example.org": false,
		"*.example.org:8448": false, "*.[::1]": false, "example.org:port": false, "a b": false, "https://example.org": false,
	} {
		if ValidServerPattern(pattern) != valid {
			t.Errorf("ValidServerPattern(%q) = %v", pattern, !valid)
		}
	}
}
