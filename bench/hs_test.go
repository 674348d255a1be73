package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/testserver"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// brief is a run of some devices and a moment.
func brief(t *testing.T, url string, args ...string) options {
	t.Helper()
	o, err := parseOptions(append([]string{
		"-hs", url, "-senders", "2", "-receivers", "2", "-warmup", "10ms", "-for", "150ms", "-rate", "200",
	}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// alone is a server that makes no accounts by itself.
func alone(c *config.Config) { c.RTM.Apps = nil }

// looksInto opens the database of a server that runs.
func looksInto(t *testing.T, s *testserver.Server) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(s.DataDir(), "chappe.db"), sqlite.Options{ServerName: s.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// leaves fails the test if a server has another number of accounts that were ended, or
// any that was not but these.
func leaves(t *testing.T, s *testserver.Server, ended int, stay ...string) {
	t.Helper()
	accounts, err := looksInto(t, s).Accounts(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, a := range accounts {
		if a.Deactivated.IsZero() {
			there = append(there, a.Localpart)
			continue
		}
		ended--
		if !strings.HasPrefix(a.Localpart, "chappe-bench-") {
			t.Errorf("%s was ended, too", a.Localpart)
		}
	}
	if ended != 0 || fmt.Sprint(there) != fmt.Sprint(stay) {
		t.Errorf("%v are there, want %v; the number that were ended is wrong by %d", there, stay, -ended)
	}
}

// tells fails the test if a report lacks one of these lines. White space counts once,
// and # is any number but 0.
func tells(t *testing.T, report string, lines ...string) {
	t.Helper()
	report = strings.Join(strings.Fields(report), " ")
	for _, line := range lines {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(line), "#", `(0*\.?0*[1-9][0-9.]*)`)
		if !regexp.MustCompile(pattern).MatchString(report) {
			t.Errorf("the report lacks %q:\n%s", line, report)
		}
	}
}

func TestARunMeasuresAHomeserverAndLeavesNothingThere(t *testing.T) {
	s := testserver.New(t, alone)
	s.Device("somebody", "PHONE")
	var out strings.Builder
	o := brief(t, s.URL(), "-json", filepath.Join(t.TempDir(), "figures"))
	if err := runHomeserver(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	tells(t, out.String(), "remote server "+s.URL(), "does not tell its name", "v1.11", "local: 2 senders, 2 long-polling receivers", "PUT/s #", "delivered/s #",
		"send to sync p50, ms #", "answers 429 0 answers 5xx or none 0", "latency: the same, paced to 200 messages",
		"local: lost 0, duplicated 0, out of order 0", "latency: lost 0, duplicated 0, out of order 0")
	leaves(t, s, 4, "somebody")
	if text, err := os.ReadFile(o.json); err != nil || !strings.Contains(string(text), `"figure": "PUT/s"`) {
		t.Errorf("the file has %s (%v)", text, err)
	}
}

func TestARegistrationTokenOpensAClosedHomeserver(t *testing.T) {
	s := testserver.New(t, alone, func(c *config.Config) { c.Registration.Open = false })
	if err := looksInto(t, s).AddRegistrationToken(t.Context(), todevice.RegistrationToken{Token: "let-me-in"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("let-me-in\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := brief(t, s.URL(), "-senders", "1", "-receivers", "1")
	for _, test := range []struct {
		file, environment string
		accounts          int
		fails             string
	}{
		{"", "", 0, "m.login.registration_token, which"},
		{"", "something else", 0, "does not take the answer to m.login.registration_token"},
		{"", "let-me-in", 2, ""},
		{file, "something else", 4, ""},
	} {
		t.Setenv(registrationTokenEnv, test.environment)
		o.tokenFile = test.file
		err := runHomeserver(t.Context(), o, new(strings.Builder))
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("with %+v the run ends with %v", test, err)
		}
		leaves(t, s, test.accounts)
	}
}

func TestALimitSlowsARunDownAndLosesNothing(t *testing.T) {
	s := testserver.New(t, alone, func(c *config.Config) {
		c.RateLimits = config.RateLimits{Enabled: true, SendsPerSecond: 20, SendBurst: 5}
	})
	var out strings.Builder
	if err := runHomeserver(t.Context(), brief(t, s.URL(), "-scenario", "latency"), &out); err != nil {
		t.Fatal(err)
	}
	tells(t, out.String(), "answers 429 #", "latency: lost 0, duplicated 0, out of order 0")
	leaves(t, s, 4)
}

func TestAccountsOfAFileAreUsedAndStay(t *testing.T) {
	s := testserver.New(t, alone)
	lines := "# made for this\n\n"
	for _, device := range []string{"A", "B", "C", "D"} {
		client := s.Device("somebody", device)
		lines += fmt.Sprintln(client.Device.User, client.Token, client.Device.ID)
	}
	file := filepath.Join(t.TempDir(), "accounts")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // with the same tokens, and so the same transaction IDs if those were not new
		var out strings.Builder
		if err := runHomeserver(t.Context(), brief(t, s.URL(), "-accounts", file), &out); err != nil {
			t.Fatal(err)
		}
		tells(t, out.String(), "local: lost 0, duplicated 0, out of order 0")
	}
	leaves(t, s, 0, "somebody")
	err := runHomeserver(t.Context(), brief(t, s.URL(), "-accounts", file, "-senders", "3"), new(strings.Builder))
	if err == nil || !strings.Contains(err.Error(), "4 accounts, but 5 are wanted") {
		t.Errorf("with too few accounts the run ends with %v", err)
	}
}

// Interrupted while the first account is made, and the second, and while it sends.
func TestAnInterruptedRunLeavesNothingThere(t *testing.T) {
	s := testserver.New(t, alone)
	ended := 0
	for _, at := range []int{14, 15, 50} {
		ctx, cancel := context.WithCancel(t.Context())
		transport := newTransport()
		base, err := parseBase(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		made := new(counting)
		made.RoundTripper, made.at, made.reached = transport, at, cancel
		h := &homeserver{base: base, transport: made, say: t.Logf}
		err = h.bench(ctx, brief(t, s.URL(), "-senders", "1", "-receivers", "1", "-for", "1m"), new(strings.Builder))
		if err == nil || err.Error() != "interrupted" {
			t.Errorf("interrupted at request %d, the run ends with %v", at, err)
		}
		transport.CloseIdleConnections()
		ended += int(made.registered.Load())
		leaves(t, s, ended)
	}
	if ended < 5 {
		t.Errorf("%d accounts were made in all: nothing was interrupted", ended)
	}
}

func TestTheURLOfAHomeserverIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"https://matrix.example.org":      "https://matrix.example.org",
		"https://example.org:8448/chat/":  "https://example.org:8448/chat",
		"http://127.0.0.1:8008/":          "http://127.0.0.1:8008",
		"matrix.example.org":              "",
		"ftp://example.org":               "",
		"https://":                        "",
		"https://alice:secret@example.or": "",
		"https://example.org?a=b":         "",
		"":                                "",
	} {
		base, err := parseBase(text)
		if (err == nil) != (want != "") || err == nil && base.String() != want {
			t.Errorf("%q is read as %v (%v), want %q", text, base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v has the password in it", err)
		}
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.9": true, "::1": true, "10.0.0.1": false, "example.org": false} {
		if isLoopback(host) != want {
			t.Errorf("%s is loopback: %t", host, !want)
		}
	}
}

func TestWhatHasNoMeaningForAHomeserverIsRefused(t *testing.T) {
	o, err := parseOptions([]string{"-hs", "https://example.org"})
	if err != nil || o.senders != hsSenders || o.receivers != hsReceivers || o.measured != hsMeasured {
		t.Errorf("%d senders, %d receivers, for %v (%v)", o.senders, o.receivers, o.measured, err)
	}
	o, err = parseOptions([]string{"-hs", "https://example.org", "-senders", "64", "-for", "16s"})
	if err != nil || o.senders != 64 || o.receivers != hsReceivers || o.measured != 16*time.Second {
		t.Errorf("%d senders, %d receivers, for %v (%v)", o.senders, o.receivers, o.measured, err)
	}
	for _, bad := range [][]string{
		{"-accounts", "file"},
		{"-registration-token-file", "file"},
		{"-hs", "https://example.org", "-idle", "5"},
		{"-hs", "https://example.org", "-profile", "folder"},
		{"-hs", "https://example.org", "-scenario", idleScenario},
		{"-hs", "https://example.org", "-senders", "0"},
	} {
		if _, err := parseOptions(bad); err == nil {
			t.Errorf("%v: accepted", bad)
		}
	}
}
