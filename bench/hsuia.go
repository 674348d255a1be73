package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxStages is how many answers a server may ask for before one thing is done.
const maxStages = 10

// A proving is what this program can answer in user-interactive authentication, and
// what it has learned of a server's wishes.
//
// https://spec.matrix.org/v1.15/client-server-api/#user-interactive-authentication-api
type proving struct {
	// answers holds, for each stage that can be passed, the fields of auth besides type
	// and session.
	answers map[string]map[string]any
	// first is the stage the server began with last time, "" where that is not known. It
	// is tried at once: a request less, which the server may count.
	first string
}

// A challenge is a 401 that says how to authenticate.
type challenge struct {
	Session   string   `json:"session"`
	Completed []string `json:"completed"`
	Flows     []struct {
		Stages []string `json:"stages"`
	} `json:"flows"`
}

// postProving sends a body, and again with an answer to each stage the server asks for,
// until it has done what the body asks.
func (h *homeserver) postProving(ctx context.Context, path, token string, body map[string]any, p *proving, into any) error {
	auth, tried := p.auth(p.first, ""), ""
	for range maxStages {
		if auth != nil {
			body["auth"] = auth
		}
		err := h.post(ctx, path, token, body, into)
		var refused *refusal
		if !errors.As(err, &refused) || refused.status != http.StatusUnauthorized {
			return err
		}
		var c challenge
		if json.Unmarshal(refused.body, &c) != nil || len(c.Flows) == 0 {
			return err
		}
		stage, impossible := p.next(c)
		if impossible != nil {
			return fmt.Errorf("%w: %w", err, impossible)
		}
		if stage == tried {
			return fmt.Errorf("%w: the server does not take the answer to %s", err, stage)
		}
		if len(c.Completed) == 0 {
			p.first = stage
		}
		auth, tried = p.auth(stage, c.Session), stage
	}
	return fmt.Errorf("POST %s: the server asks for more than %d stages", path, maxStages)
}

// next gives the stage to answer now, of the first flow that has none that cannot be
// answered.
func (p *proving) next(c challenge) (stage string, err error) {
	var asked []string
	for _, flow := range c.Flows {
		asked = append(asked, strings.Join(flow.Stages, " and "))
		if slices.ContainsFunc(flow.Stages, func(s string) bool { return p.answers[s] == nil }) {
			continue
		}
		for _, s := range flow.Stages {
			if !slices.Contains(c.Completed, s) {
				return s, nil
			}
		}
	}
	return "", fmt.Errorf("the server asks for %s, which this program cannot answer", strings.Join(asked, ", or "))
}

// auth is the answer to a stage, nil where there is none to answer.
func (p *proving) auth(stage, session string) map[string]any {
	if stage == "" {
		return nil
	}
	auth := map[string]any{"type": stage}
	if session != "" {
		auth["session"] = session
	}
	for name, value := range p.answers[stage] {
		auth[name] = value
	}
	return auth
}
