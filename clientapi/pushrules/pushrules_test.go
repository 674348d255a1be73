package pushrules

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

var alice = todevice.UserID{Localpart: "alice", Server: "here.test"}

// put adds a rule that does nothing.
func put(t *testing.T, s *Ruleset, kind Kind, id string, place Place) {
	t.Helper()
	rule, err := ReadRule(kind, id, map[string]json.RawMessage{"actions": json.RawMessage(`[]`), "pattern": json.RawMessage(`"p"`)})
	if err == nil {
		err = s.Put(kind, rule, place)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", kind, id, err)
	}
}

func ids(rules []Rule) string {
	list := make([]string, 0, len(rules))
	for _, rule := range rules {
		list = append(list, strings.TrimPrefix(rule.ID, ".m.rule."))
	}
	return strings.Join(list, " ")
}

func TestDefaultRulesAreThoseOfTheSpecification(t *testing.T) {
	s := Default(alice)
	for kind, want := range map[Kind]string{
		Override: "master suppress_notices invite_for_me member_event is_user_mention is_room_mention tombstone reaction " +
			"room.server_acl suppress_edits",
		Content: "", Room: "", Sender: "",
		Underride: "call encrypted_room_one_to_one room_one_to_one message encrypted",
	} {
		if got := ids(s.Rules(kind)); got != want {
			t.Errorf("%s: got %s, want %s", kind, got, want)
		}
		for _, rule := range s.Rules(kind) {
			if !rule.Default || rule.Enabled != (rule.ID != masterRule) || rule.Conditions == nil || rule.Actions == nil {
				t.Errorf("%+v", rule)
			}
		}
	}
	for id, want := range map[string]string{
		".m.rule.master": `{"rule_id":".m.rule.master","default":true,"enabled":false,"conditions":[],"actions":[]}`,
		".m.rule.is_user_mention": `{"rule_id":".m.rule.is_user_mention","default":true,"enabled":true,"conditions":` +
			`[{"key":"content.m\\.mentions.user_ids","kind":"event_property_contains","value":"@alice:here.test"}],` +
			`"actions":["notify",{"set_tweak":"sound","value":"default"},{"set_tweak":"highlight"}]}`,
	} {
		rule, err := s.Rule(Override, id)
		if got := raw(rule); err != nil || string(got) != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
}

func TestEveryKindIsAList(t *testing.T) {
	var content struct{ Global map[string]json.RawMessage }
	if err := json.Unmarshal(Default(alice).Content(), &content); err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		if _, ok := rawjson.List(content.Global[string(kind)]); !ok {
			t.Errorf("%s is %s", kind, content.Global[string(kind)])
		}
	}
	if len(content.Global) != len(kinds) {
		t.Errorf("there is more: %v", content.Global)
	}
}

func TestOwnRulesStandWhereTheirUserPutsThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		id    string
		place Place
		want  string
		err   error
	}{
		{"new", "d", Place{}, "d a b c", nil},
		{"new before", "d", Place{Before: "b"}, "a d b c", nil},
		{"new after", "d", Place{After: "b"}, "a b d c", nil},
		{"new last", "d", Place{After: "c"}, "a b c d", nil},
		{"before wins", "d", Place{Before: "b", After: "c"}, "a d b c", nil},
		{"replaced", "b", Place{}, "a b c", nil},
		{"moved down", "a", Place{After: "b"}, "b a c", nil},
		{"moved up", "c", Place{Before: "a"}, "c a b", nil},
		{"before nobody", "d", Place{Before: "x"}, "a b c", ErrUnknownPlace},
		{"after nobody", "d", Place{After: "x"}, "a b c", ErrUnknownPlace},
		{"before itself", "a", Place{Before: "a"}, "a b c", ErrUnknownPlace},
		{"beside a default rule", "d", Place{After: ".m.rule.master"}, "a b c", ErrUnknownPlace},
		{"as a default rule", ".m.rule.master", Place{}, "a b c", ErrDefaultRule},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Default(alice)
			for _, id := range []string{"c", "b", "a"} {
				put(t, s, Override, id, Place{})
			}
			rule := Rule{ID: c.id, Enabled: true, Conditions: []json.RawMessage{}, Actions: []json.RawMessage{}}
			if err := s.Put(Override, rule, c.place); !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			got, found := strings.CutPrefix(ids(s.Rules(Override)), "master ")
			own, _, _ := strings.Cut(got, " suppress_notices")
			if !found || own != c.want {
				t.Errorf("got %q, want %q", own, c.want)
			}
		})
	}
}

func TestReplacedRuleStaysDisabled(t *testing.T) {
	s := Default(alice)
	put(t, s, Content, "cake", Place{})
	if err := s.Enable(Content, "cake", false); err != nil {
		t.Fatal(err)
	}
	put(t, s, Content, "cake", Place{})
	if rule, err := s.Rule(Content, "cake"); err != nil || rule.Enabled {
		t.Errorf("got %+v %v", rule, err)
	}
}

func TestOnlyOwnRulesCanBeDeleted(t *testing.T) {
	s := Default(alice)
	put(t, s, Room, "!r", Place{})
	for _, c := range []struct {
		kind Kind
		id   string
		err  error
	}{
		{Sender, "!r", ErrUnknownRule},
		{Room, "!r", nil},
		{Room, "!r", ErrUnknownRule},
		{Override, masterRule, ErrDefaultRule},
		{Override, ".m.rule.unknown", ErrUnknownRule},
	} {
		if err := s.Delete(c.kind, c.id); !errors.Is(err, c.err) {
			t.Errorf("%s %s: got %v, want %v", c.kind, c.id, err, c.err)
		}
	}
	if string(s.Content()) != string(Default(alice).Content()) {
		t.Errorf("left: %s", s.Content())
	}
}

func TestChangesOutliveBeingStored(t *testing.T) {
	s := Default(alice)
	put(t, s, Underride, "mine", Place{})
	put(t, s, Sender, "@bob:here.test", Place{})
	put(t, s, Content, "cake", Place{})
	loud := []json.RawMessage{json.RawMessage(`"notify"`), json.RawMessage(`{"set_tweak":"sound","value":"bell"}`)}
	for _, err := range []error{
		s.Enable(Override, masterRule, true), s.SetActions(Underride, ".m.rule.message", loud), s.Enable(Underride, "mine", false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	again, err := Read(alice, s.Content())
	if err != nil || string(again.Content()) != string(s.Content()) {
		t.Errorf("got %s %v\nwant %s", again.Content(), err, s.Content())
	}
	for _, err := range []error{
		s.Enable(Override, "none", true), s.SetActions(Sender, ".m.rule.message", loud),
	} {
		if !errors.Is(err, ErrUnknownRule) {
			t.Errorf("of an unknown rule: %v", err)
		}
	}
}

// A default rule of an older version is forgotten, one of a newer is there.
func TestStoredDefaultRulesFollowTheServer(t *testing.T) {
	s, err := Read(alice, json.RawMessage(`{"global":{"override":[
		{"rule_id":".m.rule.old","default":true,"enabled":true,"conditions":[],"actions":[]},
		{"rule_id":".m.rule.reaction","default":true,"enabled":false,"conditions":[],"actions":["notify"]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Default(alice)
	if err := want.Enable(Override, ".m.rule.reaction", false); err != nil {
		t.Fatal(err)
	}
	if err := want.SetActions(Override, ".m.rule.reaction", notify()); err != nil {
		t.Fatal(err)
	}
	if string(s.Content()) != string(want.Content()) {
		t.Errorf("got %s\nwant %s", s.Content(), want.Content())
	}
	if _, err := Read(alice, json.RawMessage(`{"global":1}`)); err == nil {
		t.Error("what are no rules was read as rules")
	}
}

func TestRulesAreReadAsTheSpecificationSays(t *testing.T) {
	for _, c := range []struct {
		name string
		kind Kind
		id   string
		body string
		want string // "" where the rule is refused
	}{
		{"override", Override, "r", `{"actions":["notify"],"conditions":[{"kind":"room_member_count","is":"2"}],"pattern":"x","other":1}`,
			`{"rule_id":"r","default":false,"enabled":true,"conditions":[{"kind":"room_member_count","is":"2"}],"actions":["notify"]}`},
		{"no conditions", Underride, "r", `{"actions":[]}`, `{"rule_id":"r","default":false,"enabled":true,"conditions":[],"actions":[]}`},
		{"content", Content, "r", `{"actions":[],"pattern":"cake*lie","conditions":[{"kind":"x"}]}`,
			`{"rule_id":"r","default":false,"enabled":true,"pattern":"cake*lie","actions":[]}`},
		{"room", Room, "!r", `{"actions":[{"set_tweak":"highlight"}],"pattern":"x"}`,
			`{"rule_id":"!r","default":false,"enabled":true,"actions":[{"set_tweak":"highlight"}]}`},
		{"words of old", Sender, "@b:x", `{"actions":["dont_notify","coalesce","notify"]}`,
			`{"rule_id":"@b:x","default":false,"enabled":true,"actions":["notify"]}`},
		{"big numbers stay", Override, "r", `{"actions":[],"conditions":[{"kind":"k","value":9007199254740993}]}`,
			`{"rule_id":"r","default":false,"enabled":true,"conditions":[{"kind":"k","value":9007199254740993}],"actions":[]}`},
		{"no actions", Room, "!r", `{}`, ""},
		{"actions null", Room, "!r", `{"actions":null}`, ""},
		{"actions no list", Room, "!r", `{"actions":"notify"}`, ""},
		{"unknown action", Room, "!r", `{"actions":["shout"]}`, ""},
		{"action is a number", Room, "!r", `{"actions":[1]}`, ""},
		{"action is no tweak", Room, "!r", `{"actions":[{"value":1}]}`, ""},
		{"content without pattern", Content, "r", `{"actions":[]}`, ""},
		{"pattern is a number", Content, "r", `{"actions":[],"pattern":1}`, ""},
		{"conditions no list", Override, "r", `{"actions":[],"conditions":{}}`, ""},
		{"conditions null", Override, "r", `{"actions":[],"conditions":null}`, ""},
		{"condition without kind", Override, "r", `{"actions":[],"conditions":[{"key":"x"}]}`, ""},
		{"condition no object", Override, "r", `{"actions":[],"conditions":["x"]}`, ""},
		{"condition with a pattern that is none", Override, "r", `{"actions":[],"conditions":[{"kind":"event_match","pattern":1}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.body), &body); err != nil {
				t.Fatal(err)
			}
			rule, err := ReadRule(c.kind, c.id, body)
			switch {
			case (err == nil) != (c.want != ""):
				t.Errorf("got %+v %v", rule, err)
			case err == nil && string(raw(rule)) != c.want:
				t.Errorf("got %s, want %s", raw(rule), c.want)
			}
		})
	}
}

func TestIDsAreNeitherTheServersNorPaths(t *testing.T) {
	for id, ok := range map[string]bool{
		"!r:x": true, "@b:x": true, "ü": true, strings.Repeat("x", maxID): true,
		"": false, ".r": false, "a/b": false, `a\b`: false, strings.Repeat("x", maxID+1): false,
	} {
		if err := CheckID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestKindsAreTheFiveOfTheSpecification(t *testing.T) {
	for _, kind := range []Kind{"override", "content", "room", "sender", "underride"} {
		if !kind.Known() {
			t.Errorf("%s is not known", kind)
		}
	}
	if slices.ContainsFunc([]Kind{"", "Override", "device"}, Kind.Known) {
		t.Error("another is")
	}
}
