package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// An hsAccount is a user of a homeserver at one device.
type hsAccount struct {
	userID, device, token string
	// localpart and password are those of an account that was registered here; "" for one
	// that somebody else has made, and keeps.
	localpart, password string
	// since is the token of the last sync, "" before the first. It belongs to the receiver.
	since string
}

// knownAccounts reads so many accounts from a file, and asks the server whether they are
// what they are said to be.
func (h *homeserver) knownAccounts(ctx context.Context, path string, wanted int) ([]*hsAccount, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("-accounts: %w", err)
	}
	defer file.Close()
	accounts, err := readAccounts(file)
	if err == nil && len(accounts) < wanted {
		err = fmt.Errorf("%d accounts, but %d are wanted: name fewer -senders and -receivers", len(accounts), wanted)
	}
	if err != nil {
		return nil, fmt.Errorf("-accounts %s: %w", path, err)
	}
	for _, a := range accounts[:wanted] {
		if err := h.check(ctx, a); err != nil {
			return nil, fmt.Errorf("-accounts %s: %s %s: %w", path, a.userID, a.device, err)
		}
	}
	return accounts[:wanted], nil
}

// readAccounts reads one account from each line: user ID, access token, device ID. Empty
// lines, and those that begin with #, are passed over. No error has a token in it.
func readAccounts(in io.Reader) (accounts []*hsAccount, err error) {
	type device struct{ userID, id string }
	seen := make(map[device]bool)
	lines := bufio.NewScanner(in)
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 3 || !strings.HasPrefix(fields[0], "@") {
			return nil, fmt.Errorf("line %d: want user_id access_token device_id", number)
		}
		a := &hsAccount{userID: fields[0], token: fields[1], device: fields[2]}
		if seen[device{a.userID, a.device}] {
			return nil, fmt.Errorf("line %d: the device is there twice", number)
		}
		seen[device{a.userID, a.device}] = true
		accounts = append(accounts, a)
	}
	return accounts, lines.Err()
}

// check is nil if the account's access token is its device's. Two receivers with one
// device would take each other's messages.
func (h *homeserver) check(ctx context.Context, a *hsAccount) error {
	var is struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"` // "" where the server does not say
	}
	if err := h.get(ctx, whoamiPath, a.token, &is); err != nil {
		return err
	}
	if is.UserID != a.userID || is.DeviceID != "" && is.DeviceID != a.device {
		return fmt.Errorf("the access token is that of %s %s", is.UserID, is.DeviceID)
	}
	return nil
}

// accounts gives one for each sender and receiver. Those that were made are given also
// with an error: they must be removed.
func (h *homeserver) accounts(ctx context.Context, o options) ([]*hsAccount, error) {
	if o.accounts != "" {
		return h.knownAccounts(ctx, o.accounts, o.senders+o.receivers)
	}
	token, err := o.registrationToken()
	if err != nil {
		return nil, err
	}
	run := "chappe-bench-" + strings.ToLower(rand.Text()[:8])
	h.say("making %d accounts, %s-…", o.senders+o.receivers, run)
	var names []string
	for i := range o.senders {
		names = append(names, fmt.Sprintf("%s-s%d", run, i))
	}
	for i := range o.receivers {
		names = append(names, fmt.Sprintf("%s-r%d", run, i))
	}
	return h.register(ctx, names, token)
}

// registrationToken is what was given for the server's closed registration, "" for
// nothing.
func (o options) registrationToken() (string, error) {
	if o.tokenFile == "" {
		return os.Getenv(registrationTokenEnv), nil
	}
	text, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("-registration-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", errors.New("-registration-token-file: the file is empty")
	}
	return token, nil
}
