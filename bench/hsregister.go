package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/chappe-im/chappe/clientapi/uia"
)

const (
	registerPath   = "/_matrix/client/v3/register"
	logoutPath     = "/_matrix/client/v3/logout"
	deactivatePath = "/_matrix/client/v3/account/deactivate"
)

// A loggedIn is the answer that gives a device its access token.
type loggedIn struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id"`
	Token    string `json:"access_token"`
}

// register makes accounts, one after the other: to hash a password is hard work. Where
// it fails it gives those that are there, and the one that may be.
func (h *homeserver) register(ctx context.Context, names []string, token string) (made []*hsAccount, err error) {
	p := &proving{answers: map[string]map[string]any{uia.StageDummy: {}}}
	if token != "" {
		p.answers[uia.StageRegistrationToken] = map[string]any{"token": token}
	}
	for i, name := range names {
		a, err := h.registerOne(ctx, name, p)
		var refused *refusal
		if err == nil || !errors.As(err, &refused) || refused.status >= 500 {
			made = append(made, a)
		}
		if err != nil {
			return made, fmt.Errorf("register account %d of %d (a registration token or -accounts may help): %w", i+1, len(names), err)
		}
	}
	return made, nil
}

func (h *homeserver) registerOne(ctx context.Context, name string, p *proving) (*hsAccount, error) {
	a := &hsAccount{localpart: name, password: rand.Text()}
	var as loggedIn
	err := h.postProving(ctx, registerPath, "", map[string]any{
		"username": name, "password": a.password, "initial_device_display_name": "chappe bench",
	}, p, &as)
	a.userID, a.device, a.token = as.UserID, as.DeviceID, as.Token
	if err == nil && (a.userID == "" || a.device == "" || a.token == "") {
		err = errors.New("the answer lacks user_id, device_id or access_token")
	}
	return a, err
}

// remove ends the accounts that were registered here, also when ctx has ended, and says
// of each that is left what keeps it. Accounts of somebody else stay as they are.
func (h *homeserver) remove(ctx context.Context, accounts []*hsAccount) error {
	patience := 2*time.Minute + time.Duration(len(accounts))*5*time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	accounts = slices.DeleteFunc(slices.Clone(accounts), func(a *hsAccount) bool { return a.password == "" })
	if len(accounts) == 0 {
		return nil
	}
	h.say("removing the %d accounts, in %v at most", len(accounts), patience)
	var left []error
	for _, a := range accounts {
		if err := h.removeOne(ctx, a); err != nil {
			left = append(left, err)
		}
	}
	return errors.Join(left...)
}

func (h *homeserver) removeOne(ctx context.Context, a *hsAccount) error {
	if a.token == "" {
		// Its registration had no answer.
		there, err := h.logIn(ctx, a)
		if err != nil {
			return fmt.Errorf("%s may be there, and could not be removed: %w", a.localpart, err)
		}
		if !there {
			return nil
		}
	}
	p := &proving{answers: map[string]map[string]any{uia.StagePassword: {
		"identifier": identifierOf(a.userID), "password": a.password,
	}}}
	err := h.postProving(ctx, deactivatePath, a.token, map[string]any{"erase": true}, p, nil)
	if err == nil {
		return nil
	}
	if still := h.post(ctx, logoutPath, a.token, struct{}{}, nil); still != nil {
		return fmt.Errorf("%s could not be removed, nor logged out: %w; %w", a.userID, err, still)
	}
	return fmt.Errorf("%s could not be removed, but logged out: %w", a.userID, err)
}

// logIn logs in to an account, and tells whether there is one.
func (h *homeserver) logIn(ctx context.Context, a *hsAccount) (there bool, err error) {
	var as loggedIn
	err = h.post(ctx, loginPath, "", map[string]any{
		"type": uia.StagePassword, "identifier": identifierOf(a.localpart), "password": a.password,
	}, &as)
	var refused *refusal
	if errors.As(err, &refused) && refused.status == http.StatusForbidden {
		return false, nil
	}
	a.userID, a.device, a.token = as.UserID, as.DeviceID, as.Token
	return err == nil, err
}

func identifierOf(user string) map[string]any {
	return map[string]any{"type": "m.id.user", "user": user}
}
