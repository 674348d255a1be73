package pushrules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chappe-im/chappe/internal/rawjson"
)

// maxID is how long the ID of a rule may be, in bytes.
const maxID = 255

const (
	actionNotify = "notify"
	actionTweak  = "set_tweak"
)

// ReadRule reads a rule as a client writes it. Members that mean nothing for its kind
// are left out.
func ReadRule(kind Kind, id string, body map[string]json.RawMessage) (rule Rule, err error) {
	rule = Rule{ID: id, Enabled: true}
	if rule.Actions, err = ReadActions(body["actions"]); err != nil {
		return Rule{}, err
	}
	if kind.hasConditions() {
		rule.Conditions, err = readConditions(body["conditions"])
	}
	if kind == Content {
		rule.Pattern, err = readPattern(body["pattern"])
	}
	return rule, err
}

// CheckID tells whether a user may make a rule of this ID.
func CheckID(id string) error {
	switch {
	case id == "":
		return errors.New("a push rule has an ID")
	case strings.HasPrefix(id, "."):
		return errors.New("the ID of a push rule that begins with a dot is that of a default rule")
	case strings.ContainsAny(id, `/\`):
		return errors.New("the ID of a push rule has no slashes")
	case len(id) > maxID:
		return fmt.Errorf("the ID of a push rule has %d bytes at most", maxID)
	}
	return nil
}

// ReadActions reads the list of what to do. Words of older releases that mean "do
// nothing" are left out.
//
// https://spec.matrix.org/v1.15/client-server-api/#historical-actions
func ReadActions(list json.RawMessage) ([]json.RawMessage, error) {
	items, ok := rawjson.List(list)
	if !ok {
		return nil, errors.New("actions is not a list")
	}
	actions := make([]json.RawMessage, 0, len(items))
	for _, item := range items {
		word, isWord := rawjson.Text(item)
		switch {
		case isWord && (word == "dont_notify" || word == "coalesce"):
			continue
		case isWord && word == actionNotify:
		case isWord || !isTweak(item):
			return nil, errors.New("actions has one that is not known")
		}
		actions = append(actions, item)
	}
	return actions, nil
}

func isTweak(action json.RawMessage) bool {
	members, ok := rawjson.Object(action)
	if !ok {
		return false
	}
	_, ok = rawjson.Text(members[actionTweak])
	return ok
}

// readConditions reads what must be so for a rule to match: nothing, where none are
// given. Of a condition that is not known clients take the rule for disabled.
func readConditions(list json.RawMessage) ([]json.RawMessage, error) {
	if list == nil {
		return []json.RawMessage{}, nil
	}
	conditions, ok := rawjson.List(list)
	if !ok {
		return nil, errors.New("conditions is not a list")
	}
	for _, condition := range conditions {
		members, ok := rawjson.Object(condition)
		if !ok {
			return nil, errors.New("conditions has one that is not an object")
		}
		if _, ok := rawjson.Text(members["kind"]); !ok {
			return nil, errors.New("conditions has one without a kind")
		}
		for _, name := range []string{"key", "pattern", "is"} {
			if _, ok := rawjson.Text(members[name]); !ok && members[name] != nil {
				return nil, fmt.Errorf("conditions has one with a %s that is not a string", name)
			}
		}
	}
	return conditions, nil
}

func readPattern(raw json.RawMessage) (string, error) {
	pattern, ok := rawjson.Text(raw)
	if !ok || pattern == "" {
		return "", errors.New("a content rule needs a pattern")
	}
	return pattern, nil
}
