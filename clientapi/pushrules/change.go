package pushrules

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Why a change is refused. A refused change changes nothing.
var (
	// ErrUnknownRule: the user has no such rule.
	ErrUnknownRule = errors.New("there is no such push rule")
	// ErrDefaultRule: it is not the user's own rule, and there it must be.
	ErrDefaultRule = errors.New("this push rule is a default rule of the server")
	// ErrUnknownPlace: the rule named as neighbour is none of the user's own.
	ErrUnknownPlace = errors.New("before/after rule not found")
)

// A Place says where among the user's own rules of its kind a rule goes: just before
// one, or else just after one. The zero Place leaves a rule where it is, and puts a
// new one first.
type Place struct{ Before, After string }

// Rule gives a rule.
func (s *Ruleset) Rule(kind Kind, id string) (Rule, error) {
	rule, err := s.rule(kind, id)
	if err != nil {
		return Rule{}, err
	}
	return *rule, nil
}

func (s *Ruleset) rule(kind Kind, id string) (*Rule, error) {
	for _, rules := range [][]Rule{s.own[kind], s.defaults[kind]} {
		if i := find(rules, id); i >= 0 {
			return &rules[i], nil
		}
	}
	return nil, ErrUnknownRule
}

// Put adds a rule of the user's own. One of the same ID is replaced; it stays enabled
// or disabled.
func (s *Ruleset) Put(kind Kind, rule Rule, place Place) error {
	if strings.HasPrefix(rule.ID, ".") {
		return ErrDefaultRule
	}
	others, at := s.own[kind], 0
	if old := find(others, rule.ID); old >= 0 {
		rule.Enabled = others[old].Enabled
		others, at = slices.Delete(slices.Clone(others), old, old+1), old
	}
	at, err := place.among(others, at)
	if err != nil {
		return err
	}
	s.own[kind] = slices.Insert(slices.Clone(others), at, rule)
	return nil
}

// among gives the index of a place, otherwise where it names none.
func (p Place) among(rules []Rule, otherwise int) (int, error) {
	neighbour, step := p.Before, 0
	if neighbour == "" {
		neighbour, step = p.After, 1
	}
	if neighbour == "" {
		return otherwise, nil
	}
	if i := find(rules, neighbour); i >= 0 {
		return i + step, nil
	}
	return 0, ErrUnknownPlace
}

// Delete removes a rule of the user's own.
func (s *Ruleset) Delete(kind Kind, id string) error {
	if find(s.defaults[kind], id) >= 0 {
		return ErrDefaultRule
	}
	i := find(s.own[kind], id)
	if i < 0 {
		return ErrUnknownRule
	}
	s.own[kind] = slices.Delete(slices.Clone(s.own[kind]), i, i+1)
	return nil
}

// Enable enables or disables a rule.
func (s *Ruleset) Enable(kind Kind, id string, enabled bool) error {
	rule, err := s.rule(kind, id)
	if err == nil {
		rule.Enabled = enabled
	}
	return err
}

// SetActions replaces what a rule does.
func (s *Ruleset) SetActions(kind Kind, id string, actions []json.RawMessage) error {
	rule, err := s.rule(kind, id)
	if err == nil {
		rule.Actions = actions
	}
	return err
}
