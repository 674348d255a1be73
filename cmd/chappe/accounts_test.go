package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chappe-im/chappe/server"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// newAccountRig is a rig whose server clients can find, with the user alice.
func newAccountRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	cfg := r.configs[here]
	cfg.Client.Listen = freeAddress(t)
	r.configs[here] = cfg
	r.write(r.file, r.yaml())
	r.store(func(*sqlite.Store) error { return nil })
	log, _ := test.NewNullLogger()
	if _, err := server.CreateUser(context.Background(), cfg, logrus.NewEntry(log), "alice", "secret", true); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask makes a request of a client.
func (r *rig) ask(method, path, token, body string) (status int, answer map[string]any) {
	r.t.Helper()
	request, err := http.NewRequest(method, "http://"+r.configs[here].Client.Listen+"/_matrix/client/v3/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, answer
}

// login gives alice's access token, "" if the password is wrong.
func (r *rig) login(password string) string {
	r.t.Helper()
	_, answer := r.ask("POST", "login", "", fmt.Sprintf(`{"type":"m.login.password","user":"alice","password":%q}`, password))
	token, _ := answer["access_token"].(string)
	return token
}

// typing runs a command line with something on standard input.
func (r *rig) typing(text string, args ...string) (out string, err error) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "stdin")
	r.write(path, []byte(text))
	file, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close()
	old := os.Stdin
	os.Stdin = file
	defer func() { os.Stdin = old }()
	return r.run(args...)
}

// polling has a device wait in /sync, and gives the status it ends with.
func (r *rig) polling(token string) <-chan int {
	r.t.Helper()
	_, first := r.ask("GET", "sync", token, "")
	ended := make(chan int, 1)
	go func() {
		status, _ := r.ask("GET", fmt.Sprintf("sync?timeout=60000&since=%s", first["next_batch"]), token, "")
		ended <- status
	}()
	r.ask("GET", "account/whoami", token, "") // by now the poll most likely waits
	return ended
}

func (r *rig) endsLoggedOut(poll <-chan int) {
	r.t.Helper()
	select {
	case status := <-poll:
		if status != http.StatusUnauthorized {
			r.t.Errorf("the open /sync ended with %d", status)
		}
	case <-time.After(30 * time.Second):
		r.t.Error("the open /sync goes on")
	}
}

func TestCommandsReachTheUsersOfARunningServer(t *testing.T) {
	r := newAccountRig(t)
	r.start(here)
	first := r.login("secret")
	poll := r.polling(first)
	if out, err := r.typing("new\n", "user", "reset-password", "Alice"); err != nil || !strings.Contains(out, "logged out everywhere") {
		t.Errorf("%v: %s", err, out)
	}
	r.endsLoggedOut(poll)
	if status, _ := r.ask("GET", "account/whoami", first, ""); status != http.StatusUnauthorized || r.login("secret") != "" {
		t.Errorf("the old token gets %d", status)
	}
	second := r.login("new")
	poll = r.polling(second)
	r.says([]string{"user", "list"}, true, "NAME", "alice  yes    no           1")
	r.says([]string{"user", "deactivate", "@alice:here.test"}, true, "deactivated")
	r.endsLoggedOut(poll)
	if r.login("new") != "" {
		t.Error("a deactivated user logs in")
	}
	r.says([]string{"user", "list"}, true, "alice  no     2")
	for _, args := range [][]string{{"user", "deactivate", "alice"}, {"user", "deactivate", "nobody"}, {"user", "login-token", "alice"}} {
		if _, err := r.run(args...); err == nil || !strings.Contains(err.Error(), `user "`+args[2]+`": `) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestCommandsReachTheUsersWhileNoServerRuns(t *testing.T) {
	r := newAccountRig(t)
	if _, err := r.typing("new", "user", "reset-password", "alice"); err != nil {
		t.Error(err)
	}
	r.says([]string{"user", "deactivate", "nobody"}, false)
	token, err := r.run("user", "login-token", "alice", "--ttl", "1m")
	if err != nil {
		t.Error(err)
	}
	r.start(here)
	if r.login("secret") != "" || r.login("new") == "" {
		t.Error("the password is the old one")
	}
	for _, want := range []int{http.StatusOK, http.StatusForbidden} {
		body := fmt.Sprintf(`{"type":"m.login.token","token":%q}`, strings.TrimSpace(token))
		if status, answer := r.ask("POST", "login", "", body); status != want {
			t.Errorf("by token: %d %v", status, answer)
		}
	}
	for _, ttl := range []string{"0s", "-1m", "25h"} {
		r.says([]string{"user", "login-token", "alice", "--ttl=" + ttl}, false)
	}
}

// A server that cannot be told would go on with what it remembers.
func TestUsersAreNotChangedBehindTheBackOfAServer(t *testing.T) {
	r := newAccountRig(t)
	r.start(here)
	if err := os.Remove(filepath.Join(r.configs[here].DataDir, "control.sock")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.run("user", "deactivate", "alice"); err == nil || !strings.Contains(err.Error(), "does not answer at its socket") {
		t.Errorf("got %v", err)
	}
	if r.login("secret") == "" {
		t.Error("the user is deactivated all the same")
	}
}

func TestTokenIsMadeAndListedWhileTheServerRuns(t *testing.T) {
	r := newAccountRig(t)
	r.start(here) // its registration is closed
	if status, _ := r.ask("POST", "register", "", `{}`); status != http.StatusForbidden {
		t.Errorf("without a token: %d", status)
	}
	r.says([]string{"token", "add", "--uses", "1", "--expires", "24h", "guests"}, true, "guests\n")
	body := `{"username":"bob","password":"p","auth":{"type":"m.login.registration_token","token":"guests"}}`
	if status, answer := r.ask("POST", "register", "", body); status != http.StatusOK {
		t.Errorf("register: %d %v", status, answer)
	}
	made, err := r.run("token", "add")
	if err != nil || len(strings.TrimSpace(made)) != 20 {
		t.Errorf("%v: %q", err, made)
	}
	r.says([]string{"token", "list"}, true, "guests", "used up", strings.TrimSpace(made), "any  never", "valid")
	r.says([]string{"token", "remove", strings.TrimSpace(made)}, true, "removed")
	r.says([]string{"token", "remove", strings.TrimSpace(made)}, false)
	if status, _ := r.ask("POST", "register", "", `{}`); status != http.StatusForbidden {
		t.Errorf("without a valid token: %d", status)
	}
	for _, args := range [][]string{{"guests"}, {"no token"}, {strings.Repeat("a", 65)}, {"--uses=-1", "x"}, {"--expires=-1h", "x"}} {
		r.says(append([]string{"token", "add"}, args...), false)
	}
}

func TestAccountCommandsWantADatabase(t *testing.T) {
	r := newRig(t)
	for _, args := range [][]string{{"user", "list"}, {"user", "deactivate", "a"}, {"user", "login-token", "a"}, {"token", "add"}, {"token", "list"}, {"token", "remove", "a"}} {
		if _, err := r.run(args...); err == nil || !strings.Contains(err.Error(), "no database") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if entries, _ := os.ReadDir(r.configs[here].DataDir); len(entries) > 0 {
		t.Errorf("something was made: %v", entries)
	}
}
