package userdata

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/chappe-im/chappe/clientapi/pushrules"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

// changeRules changes the push rules of a user. If another device has changed them in
// the meantime, it begins again with what that made of them.
func (s *Server) changeRules(ctx context.Context, user todevice.UserID, change func(*pushrules.Ruleset) error) error {
	for {
		rules, stored, err := s.rules(ctx, user)
		if err != nil {
			return err
		}
		before := rules.Content()
		if err := change(rules); err != nil {
			return ruleRefusal(err)
		}
		after := rules.Content()
		if bytes.Equal(before, after) {
			return nil
		}
		if len(after) > maxContent {
			return httpapi.TooLarge(fmt.Sprintf("Your push rules would be over %d bytes together", maxContent))
		}
		swapped, err := s.store.SwapAccountData(ctx, user.Localpart, todevice.PushRulesType, stored, after)
		if err != nil {
			return fmt.Errorf("keep push rules: %w", refusal(err))
		}
		if swapped {
			return nil
		}
	}
}

type rulePut struct {
	kind  pushrules.Kind
	rule  pushrules.Rule
	place pushrules.Place
}

func readRulePut(r *http.Request) (rulePut, error) {
	name, err := readRuleName(r)
	if err != nil {
		return rulePut{}, err
	}
	if err := pushrules.CheckID(name.id); err != nil {
		return rulePut{}, httpapi.InvalidParam(err.Error())
	}
	body, err := httpapi.ReadObject(r)
	if err != nil {
		return rulePut{}, err
	}
	rule, err := pushrules.ReadRule(name.kind, name.id, body)
	if err != nil {
		return rulePut{}, httpapi.BadJSON("This is not a push rule: " + err.Error())
	}
	query := r.URL.Query()
	return rulePut{name.kind, rule, pushrules.Place{Before: query.Get("before"), After: query.Get("after")}}, nil
}

// putPushRule makes a rule of the user's own, or replaces it.
//
// PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid
func (s *Server) putPushRule(ctx context.Context, device todevice.Device, q rulePut) (httpapi.Empty, error) {
	return httpapi.Empty{}, s.changeRules(ctx, device.User, func(rules *pushrules.Ruleset) error {
		return rules.Put(q.kind, q.rule, q.place)
	})
}

// deletePushRule removes a rule of the user's own.
//
// DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}
// https://spec.matrix.org/v1.15/client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid
func (s *Server) deletePushRule(ctx context.Context, device todevice.Device, name ruleName) (httpapi.Empty, error) {
	return httpapi.Empty{}, s.changeRules(ctx, device.User, func(rules *pushrules.Ruleset) error {
		return rules.Delete(name.kind, name.id)
	})
}

type ruleEnabled struct {
	ruleName
	enabled bool
}

func readRuleEnabled(r *http.Request) (q ruleEnabled, err error) {
	var value json.RawMessage
	if q.ruleName, value, err = readRuleMember(r, "enabled"); err != nil {
		return ruleEnabled{}, err
	}
	var enabled *bool
	if err := json.Unmarshal(value, &enabled); err != nil || enabled == nil {
		return ruleEnabled{}, httpapi.BadJSON("enabled is neither true nor false")
	}
	q.enabled = *enabled
	return q, nil
}

// readRuleMember reads a body of which one member counts.
func readRuleMember(r *http.Request, member string) (name ruleName, value json.RawMessage, err error) {
	if name, err = readRuleName(r); err != nil {
		return ruleName{}, nil, err
	}
	body, err := httpapi.ReadObject(r)
	if err == nil && rawjson.Present(body[member]) == nil {
		err = httpapi.MissingParam("Missing parameter: " + member)
	}
	return name, body[member], err
}

// enablePushRule enables or disables a rule, also a default one.
//
// PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled
func (s *Server) enablePushRule(ctx context.Context, device todevice.Device, q ruleEnabled) (httpapi.Empty, error) {
	return httpapi.Empty{}, s.changeRules(ctx, device.User, func(rules *pushrules.Ruleset) error {
		return rules.Enable(q.kind, q.id, q.enabled)
	})
}

type ruleActions struct {
	ruleName
	actions []json.RawMessage
}

func readRuleActions(r *http.Request) (q ruleActions, err error) {
	var value json.RawMessage
	if q.ruleName, value, err = readRuleMember(r, "actions"); err != nil {
		return ruleActions{}, err
	}
	if q.actions, err = pushrules.ReadActions(value); err != nil {
		return ruleActions{}, httpapi.BadJSON("These are not actions: " + err.Error())
	}
	return q, nil
}

// setPushRuleActions says what a rule does, also a default one.
//
// PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions
// https://spec.matrix.org/v1.15/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions
func (s *Server) setPushRuleActions(ctx context.Context, device todevice.Device, q ruleActions) (httpapi.Empty, error) {
	return httpapi.Empty{}, s.changeRules(ctx, device.User, func(rules *pushrules.Ruleset) error {
		return rules.SetActions(q.kind, q.id, q.actions)
	})
}
