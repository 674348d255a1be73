package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

// runAlone runs a command line as main does, with no server and no configuration but
// what the line names.
func runAlone(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var printed bytes.Buffer
	parser, err := kong.New(&commands{}, kong.Vars{"version": ""}, kong.BindTo(&printed, (*io.Writer)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	err = parsed.Run()
	return printed.String(), err
}

const (
	firstApp  = "0123456789abcdef0123456789abcdef"
	secondApp = "fedcba9876543210fedcba9876543210"
	bareApp   = "00000000000000000000000000000000"
	signature = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" // the certificate of the first app
)

// rtmConfig writes a configuration with some of the apps.
func rtmConfig(t *testing.T, ids ...string) (path string) {
	t.Helper()
	text := "server_name: here.test\n"
	if len(ids) > 0 {
		text += "rtm:\n  apps:\n"
	}
	for i, id := range ids {
		certificate := map[string]string{firstApp: signature, secondApp: strings.ToUpper(signature)}[id]
		text += fmt.Sprintf("    - {app_id: %q, certificate: %q, namespace: a%d_}\n", id, certificate, i)
	}
	path = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestATokenIsPrintedForTheUserAndTheTime(t *testing.T) {
	one, all := rtmConfig(t, firstApp), rtmConfig(t, secondApp, firstApp, bareApp)
	cases := []struct {
		args   []string
		format string
		life   time.Duration
	}{
		{[]string{"--config", one}, "006", 24 * time.Hour},
		{[]string{"--config", one, "--app", firstApp}, "006", 24 * time.Hour},
		{[]string{"--config", all, "--app", firstApp, "--ttl", "90m"}, "006", 90 * time.Minute},
		{[]string{"--config", all, "--app", firstApp, "--format", "006", "--ttl", "1s"}, "006", time.Second},
		{[]string{"--config", all, "--app", firstApp, "--format=007"}, "007", 24 * time.Hour},
		{[]string{"--config", all, "--app", firstApp, "--format=007", "--ttl=2h"}, "007", 2 * time.Hour},
	}
	app := rtmtoken.App{ID: firstApp, Certificate: signature}
	for _, c := range cases {
		began := time.Now()
		out, err := runAlone(t, append([]string{"rtm", "token", "--uid", "Ann@home"}, c.args...)...)
		token, lines := strings.TrimSuffix(out, "\n"), strings.Count(out, "\n")
		if err != nil || lines != 1 || !strings.HasPrefix(token, c.format) {
			t.Errorf("%v: %v, %q", c.args, err, out)
			continue
		}
		if uid, err := rtmtoken.Check(token, app, "Ann@home", began.Add(c.life-time.Second)); uid != "Ann@home" || err != nil {
			t.Errorf("%v: in its last second: %q, %v", c.args, uid, err)
		}
		if _, err := rtmtoken.Check(token, app, "Ann@home", time.Now().Add(c.life+time.Second)); err != rtmtoken.Expired {
			t.Errorf("%v: when it has ended: %v", c.args, err)
		}
	}
}

func TestWhatIsWrongWithATokenIsSaid(t *testing.T) {
	none, one, bare, all := rtmConfig(t), rtmConfig(t, firstApp), rtmConfig(t, bareApp), rtmConfig(t, secondApp, firstApp, bareApp)
	cases := []struct {
		name, args string
		words      []string // in the error
	}{
		{"no uid", "--config " + one, []string{"--uid"}},
		{"no configuration", "--config " + one + "x --uid a", []string{"no such file"}},
		{"no app at all", "--config " + none + " --uid a", []string{"has no RTM app", "rtm.apps"}},
		{"unknown app", "--config " + all + " --uid a --app nosuchapp", []string{`"nosuchapp"`, secondApp + ", " + firstApp + ", " + bareApp}},
		{"unknown app, one there", "--config " + one + " --uid a --app nosuchapp", []string{`"nosuchapp"`, firstApp}},
		{"app in upper case", "--config " + one + " --uid a --app " + strings.ToUpper(firstApp), []string{"there is no RTM app", firstApp}},
		{"which app?", "--config " + all + " --uid a", []string{"more than one", "--app", firstApp}},
		{"no certificate", "--config " + bare + " --uid a", []string{bareApp, "no certificate", "no token is needed", "keys"}},
		{"no certificate, by name", "--config " + all + " --uid a --app " + bareApp, []string{bareApp, "no certificate"}},
		{"uid not allowed", "--config " + one + " --uid a*b", []string{"the uid must be 1 to 64 letters"}},
		{"uid too long", "--config " + one + " --uid " + strings.Repeat("x", 65), []string{"the uid must be 1 to 64 letters"}},
		{"empty uid", "--config " + one + " --uid=", []string{"the uid must be"}},
		{"too long", "--config " + one + " --uid a --ttl 25h", []string{"24 hours at most"}},
		{"no time", "--config " + one + " --uid a --ttl 0s", []string{"one second at least"}},
		{"negative time", "--config " + one + " --uid a --ttl=-1h", []string{"one second at least"}},
		{"no such format", "--config " + one + " --uid a --format 005", []string{"006", "007"}},
	}
	for _, c := range cases {
		out, err := runAlone(t, append([]string{"rtm", "token"}, strings.Fields(c.args)...)...)
		if err == nil || out != "" {
			t.Errorf("%s: %v, and printed is %q", c.name, err, out)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q is not in: %v", c.name, word, err)
			}
		}
		if strings.Contains(strings.ToLower(err.Error()), signature) {
			t.Errorf("%s: the error tells a certificate: %v", c.name, err)
		}
	}
}

func TestTheUIDOfATokenDoesNotEndWithASpace(t *testing.T) {
	for _, uid := range []string{" a", "a ", " "} {
		if _, err := runAlone(t, "rtm", "token", "--config", rtmConfig(t, firstApp), "--uid", uid); err == nil {
			t.Errorf("%q has a token", uid)
		}
	}
}

// Without a configuration the token is of the playground's app, which the server in the
// same folder has.
func TestThePlaygroundHasTokens(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := runAlone(t, "rtm", "token", "--uid", "alice")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Playground("")
	if err != nil {
		t.Fatal(err)
	}
	app := rtmtoken.App{ID: cfg.RTM.Apps[0].ID, Certificate: cfg.RTM.Apps[0].Certificate}
	if _, err := rtmtoken.Check(strings.TrimSpace(out), app, "alice", time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := runAlone(t, "rtm", "token", "--uid", "alice", "--app", firstApp); err == nil || !strings.Contains(err.Error(), app.ID) {
		t.Errorf("an unknown app: %v", err)
	}
}

func TestAServerTakesTheTokenThatIsPrinted(t *testing.T) {
	r := newRig(t)
	cfg := r.configs[here]
	cfg.Client.Listen = freeAddress(t)
	cfg.RTM.Apps = []config.RTMApp{{ID: firstApp, Certificate: signature}}
	r.configs[here] = cfg
	r.write(r.file, fmt.Appendf(r.yaml(), "rtm: {apps: [{app_id: %q, certificate: %q}]}\n", firstApp, signature))
	r.start(here)
	send := func(headers http.Header) int {
		t.Helper()
		request, err := http.NewRequest("POST", "http://"+cfg.Client.Listen+"/dev/v2/project/"+firstApp+"/rtm/users/alice/peer_messages",
			strings.NewReader(`{"destination":"bob","payload":"hello"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = headers
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	for _, format := range []string{"006", "007"} {
		out, err := r.run("rtm", "token", "--app", firstApp, "--uid", "alice", "--format", format)
		if err != nil {
			t.Fatal(err)
		}
		token := strings.TrimSpace(out)
		if got := send(http.Header{"X-Ar-Token": {token}, "X-Ar-Uid": {"alice"}}); got != http.StatusOK {
			t.Errorf("%s: %d", format, got)
		}
		if got := send(http.Header{"X-Ar-Token": {token}, "X-Ar-Uid": {"bob"}}); got != http.StatusUnauthorized {
			t.Errorf("%s as bob: %d", format, got)
		}
		want := map[string]int{"006": http.StatusUnauthorized, "007": http.StatusOK}[format]
		if got := send(http.Header{"Authorization": {"agora token=" + token}}); got != want {
			t.Errorf("%s by the agora scheme: %d", format, got)
		}
	}
}

func TestTheTokenCommandHasHelp(t *testing.T) {
	if help := (rtmToken{}).Help(); !strings.Contains(help, "x-ar-token") {
		t.Errorf("it is %q", help)
	}
}
