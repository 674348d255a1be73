package userdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/clientapi/pushrules"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// rules gives the push rules of a user, and as what they are stored: nil where the
// user has changed none.
func (s *Server) rules(ctx context.Context, user todevice.UserID) (rules *pushrules.Ruleset, stored json.RawMessage, err error) {
	stored, err = s.store.AccountData(ctx, user.Localpart, todevice.PushRulesType)
	if err != nil && !errors.Is(err, todevice.ErrNoData) {
		return nil, nil, fmt.Errorf("give push rules: %w", err)
	}
	rules, err = pushrules.Read(user, stored)
	return rules, stored, err
}

// pushRules gives all push rules of the user.
//
// GET /_matrix/client/v3/pushrules/
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3pushrules
func (s *Server) pushRules(ctx context.Context, device todevice.Device, _ struct{}) (json.RawMessage, error) {
	rules, _, err := s.rules(ctx, device.User)
	if err != nil {
		return nil, err
	}
	return rules.Content(), nil
}

// globalPushRules gives the rules of the one scope there is.
//
// GET /_matrix/client/v3/pushrules/global/
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3pushrulesglobal
func (s *Server) globalPushRules(ctx context.Context, device todevice.Device, _ struct{}) (*pushrules.Ruleset, error) {
	rules, _, err := s.rules(ctx, device.User)
	return rules, err
}

// ruleName names one push rule.
type ruleName struct {
	kind pushrules.Kind
	id   string
}

func readRuleName(r *http.Request) (name ruleName, err error) {
	kind, err := httpapi.PathVar(r, "kind")
	if err != nil {
		return ruleName{}, err
	}
	if name.kind = pushrules.Kind(kind); !name.kind.Known() {
		return ruleName{}, httpapi.NotFound("There is no such kind of push rules")
	}
	name.id, err = httpapi.PathVar(r, "ruleId")
	return name, err
}

// pushRule gives one rule.
//
// GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid
func (s *Server) pushRule(ctx context.Context, device todevice.Device, name ruleName) (pushrules.Rule, error) {
	rules, _, err := s.rules(ctx, device.User)
	if err != nil {
		return pushrules.Rule{}, err
	}
	rule, err := rules.Rule(name.kind, name.id)
	return rule, ruleRefusal(err)
}

type enabledAnswer struct {
	Enabled bool `json:"enabled"`
}

// pushRuleEnabled tells whether a rule is enabled.
//
// GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled
func (s *Server) pushRuleEnabled(ctx context.Context, device todevice.Device, name ruleName) (enabledAnswer, error) {
	rule, err := s.pushRule(ctx, device, name)
	return enabledAnswer{Enabled: rule.Enabled}, err
}

type actionsAnswer struct {
	Actions []json.RawMessage `json:"actions"`
}

// pushRuleActions tells what a rule does.
//
// GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions
func (s *Server) pushRuleActions(ctx context.Context, device todevice.Device, name ruleName) (actionsAnswer, error) {
	rule, err := s.pushRule(ctx, device, name)
	return actionsAnswer{Actions: rule.Actions}, err
}

// ruleRefusal makes an answer of the reason why a ruleset refuses something.
func ruleRefusal(err error) error {
	switch {
	case errors.Is(err, pushrules.ErrUnknownRule):
		return httpapi.NotFound("You have no such push rule")
	case errors.Is(err, pushrules.ErrUnknownPlace):
		return httpapi.BadRequest("M_UNKNOWN", err.Error())
	case errors.Is(err, pushrules.ErrDefaultRule):
		return httpapi.InvalidParam("The default rules of the server are neither made nor deleted")
	}
	return err
}
