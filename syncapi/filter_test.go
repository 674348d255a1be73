package syncapi

import "testing"

func TestFilterPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"m.direct", "m.direct", true},
		{"m.direct", "m.direct2", false},
		{"", "", true},
		{"*", "", true},
		{"*", "anything", true},
		{"m.*", "m.direct", true},
		{"m.*", "im.direct", false},
		{"*.direct", "m.direct", true},
		{"*.direct", "m.direct.more", false},
		{"m.*.key.*", "m.secret_storage.key.abc", true},
		{"m.*.key.*", "m.key.abc", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*bc*c", "abcbc", true},
		{"**", "x", true},
	} {
		if got := matches(c.pattern, c.text); got != c.want {
			t.Errorf("%q of %q: %v", c.pattern, c.text, got)
		}
	}
}

func TestFilterAdmitsByTypeAndSender(t *testing.T) {
	for name, c := range map[string]struct {
		filter eventFilter
		want   bool
	}{
		"nothing said":         {eventFilter{}, true},
		"no types":             {eventFilter{Types: []string{}}, false},
		"its type":             {eventFilter{Types: []string{"x", "m.p*"}}, true},
		"another type":         {eventFilter{Types: []string{"x"}}, false},
		"not its type":         {eventFilter{Types: []string{"*"}, NotTypes: []string{"m.presence"}}, false},
		"its sender":           {eventFilter{Senders: []string{"@a:x"}}, true},
		"another sender":       {eventFilter{Senders: []string{"@b:x"}}, false},
		"not its sender":       {eventFilter{NotSenders: []string{"@a:x"}}, false},
		"not another's sender": {eventFilter{NotSenders: []string{"@b:x"}}, true},
	} {
		if got := c.filter.admits("m.presence", "@a:x"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
