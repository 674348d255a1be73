package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// logIn has each user log in again and again at the same device. Every token must be
// new, and the last one must be good.
func (b *bench) logIn(ctx context.Context, p *process, users []person) (r checked, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	sessions := newSessions(transport, p.address, users)
	tokens := make([][]string, len(users))
	r.tally, err = b.workFor(ctx, p, len(users), b.measured/2, func(ctx context.Context, worker, _ int) (int, error) {
		token, err := sessions[worker].logIn(ctx, users[worker])
		tokens[worker] = append(tokens[worker], token)
		return 1, err
	})
	if err != nil {
		return r, err
	}
	r.verdict.Duplicated = repeated(tokens)
	for i, mine := range tokens {
		if len(mine) == 0 {
			continue // the time was too short
		}
		good, err := sessions[i].isFor(ctx, mine[len(mine)-1], users[i])
		if err != nil {
			return r, err
		}
		if !good {
			r.verdict.Misdelivered++
		}
	}
	return r, nil
}

// repeated counts the tokens that were given before, to whomever.
func repeated(tokens [][]string) (n int64) {
	seen := make(map[string]struct{})
	for _, mine := range tokens {
		for _, token := range mine {
			if _, again := seen[token]; again {
				n++
			}
			seen[token] = struct{}{}
		}
	}
	return n
}

// logIn logs in and gives the new access token.
func (s *session) logIn(ctx context.Context, p person) (token string, err error) {
	body := fmt.Appendf(nil, `{"type":"m.login.password","identifier":{"type":"m.id.user","user":%q},"password":%q,"device_id":%q}`,
		p.localpart, password, p.device)
	answer, err := s.post(ctx, loginPath, body)
	if err != nil {
		return "", err
	}
	var a struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
		Token    string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", fmt.Errorf("read the answer to a login: %w", err)
	}
	if a.UserID != p.id() || a.DeviceID != p.device || a.Token == "" {
		return "", errors.New("a login has given something else than was asked for")
	}
	return a.Token, nil
}

// isFor tells whether an access token is a person's.
func (s *session) isFor(ctx context.Context, token string, p person) (bool, error) {
	s.header = http.Header{"Authorization": {"Bearer " + token}}
	answer, err := s.do(ctx, http.MethodGet, whoamiPath, "", nil)
	if err != nil {
		return false, err
	}
	var a struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	err = json.Unmarshal(answer, &a)
	return a.UserID == p.id() && a.DeviceID == p.device, err
}
