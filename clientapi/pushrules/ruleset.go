// Package pushrules is a user's push rules: the ones every user has, what the user
// has changed about them, and the user's own. Nothing is pushed by them here; clients
// read them to know what to tell the user of.
//
// https://spec.matrix.org/v1.15/client-server-api/#push-rules
package pushrules

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

// A Kind says what of an event the rules under it look at. All rules of one kind come
// before those of the next.
type Kind string

// The kinds in the order in which clients go through them.
const (
	Override  Kind = "override"
	Content   Kind = "content"
	Room      Kind = "room"
	Sender    Kind = "sender"
	Underride Kind = "underride"
)

var kinds = [...]Kind{Override, Content, Room, Sender, Underride}

// Known tells whether k is one of the kinds.
func (k Kind) Known() bool { return slices.Contains(kinds[:], k) }

// hasConditions tells whether a rule of this kind lists what must be so for it to
// match. Those of others have that in their ID or their pattern.
func (k Kind) hasConditions() bool { return k == Override || k == Underride }

// A Rule says what to do about events that match.
type Rule struct {
	ID string `json:"rule_id"`
	// Default is true for a rule every user has. Its ID begins with a dot.
	Default    bool              `json:"default"`
	Enabled    bool              `json:"enabled"`
	Conditions []json.RawMessage `json:"conditions,omitzero"` // not nil where the kind has conditions
	Pattern    string            `json:"pattern,omitempty"`   // only where the kind is Content
	Actions    []json.RawMessage `json:"actions"`             // not nil
}

// A Ruleset is all push rules of one user, those of each kind from the most important
// to the least.
type Ruleset struct {
	own, defaults map[Kind][]Rule
}

// Default gives the rules of a user who has changed none.
func Default(user todevice.UserID) *Ruleset {
	return &Ruleset{own: make(map[Kind][]Rule), defaults: defaultRules(user.String())}
}

// Read gives the rules of a user from what Content wrote, or the default rules where
// that is nil. The default rules are those of today, with what the user changed about
// them; so a later version of this server may have others.
func Read(user todevice.UserID, content json.RawMessage) (*Ruleset, error) {
	s := Default(user)
	if content == nil {
		return s, nil
	}
	var stored struct {
		Global map[Kind][]Rule `json:"global"`
	}
	if err := json.Unmarshal(content, &stored); err != nil {
		return nil, fmt.Errorf("read push rules: %w", err)
	}
	for _, kind := range kinds {
		for _, rule := range stored.Global[kind] {
			if !rule.Default {
				s.own[kind] = append(s.own[kind], rule)
			} else if i := find(s.defaults[kind], rule.ID); i >= 0 {
				s.defaults[kind][i].Enabled, s.defaults[kind][i].Actions = rule.Enabled, rule.Actions
			}
		}
	}
	return s, nil
}

// Content writes the rules as the content of the account data m.push_rules.
//
// https://spec.matrix.org/v1.15/client-server-api/#mpush_rules
func (s *Ruleset) Content() json.RawMessage {
	global, err := json.Marshal(s)
	if err != nil {
		panic(err) // what is raw in a rule was read as JSON
	}
	return slices.Concat(json.RawMessage(`{"global":`), global, json.RawMessage(`}`))
}

// MarshalJSON writes all kinds, each with a list.
func (s *Ruleset) MarshalJSON() ([]byte, error) {
	all := make(map[Kind][]Rule, len(kinds))
	for _, kind := range kinds {
		all[kind] = s.Rules(kind)
	}
	return json.Marshal(all)
}

// Rules gives the rules of a kind. The user's own are more important than the default
// ones, except for that which switches everything off.
func (s *Ruleset) Rules(kind Kind) []Rule {
	defaults := s.defaults[kind]
	first := 0
	if len(defaults) > 0 && defaults[0].ID == masterRule {
		first = 1
	}
	rules := make([]Rule, 0, len(defaults)+len(s.own[kind]))
	rules = append(rules, defaults[:first]...)
	rules = append(rules, s.own[kind]...)
	return append(rules, defaults[first:]...)
}

func find(rules []Rule, id string) int {
	return slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
}
