package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

func TestEmptyFileGivesTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "\ufeff# nothing\r\nlog: {level: info}\r\n", "---\n", "client:\nrtm:\n  apps:\n", "federation: {hosts: {}}\nrtm: {apps: []}\n"} {
		c, err := Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	namespace := ""
	want := Config{
		ServerName:   "example.org:443",
		DataDir:      "/var/lib/chappe",
		Client:       Client{Listen: ":80", BaseURL: "https://example.org/matrix", TrustedProxies: []string{"10.0.0.1"}},
		Federation:   Federation{AllowPrivateAddresses: true, Hosts: map[spec.ServerName]string{"example.net:8449": "10.0.0.2:1", "[::1]": "[::1]:2"}, MaxBackoff: 90 * time.Minute},
		Registration: Registration{Open: true, SharedSecret: "line\nline\n"},
		RateLimits:   RateLimits{SendsPerSecond: 2, SendBurst: 3},
		Quotas:       Quotas{InboxMessages: 4, InboxBytes: 5},
		RTM: RTM{Apps: []RTMApp{{
			ID: strings.Repeat("1", 32), Certificate: strings.Repeat("C", 32), Namespace: &namespace,
			Keys: []RTMKey{{Key: "a", Secret: "b"}, {Key: "c", Secret: `d" #: `}}, OpenHistory: true,
			Limits:     RTMLimits{PeerMessagesPerSecond: number(1), ChannelMessagesPerSecond: number(2), EventsPerSecond: number(0), HistoryPerSecond: number(4)},
			OpenEvents: true, ChannelCodeWithSpace: true,
			Webhooks: []RTMWebhook{{URL: "http://10.0.0.1/h", Secret: "0123456789abcdef", Events: []string{"join", "message_expired"}}},
		}}, History: RTMHistory{Keep: 36 * time.Hour, MaxBytes: 6}, AllowPrivateAddresses: true},
		TURN:    TURN{URIs: []string{"turn:a.example", "turns:b.example:5349?transport=tcp"}, SharedSecret: "t", Lifetime: time.Hour},
		Metrics: Metrics{Listen: "[::1]:9090"},
		Log:     Log{Level: "warn", Format: "json"},
	}
	c, err := Parse([]byte(`
server_name: example.org:443
data_dir: '/var/lib/chappe'
database:
  ""
client: {listen: ":80", base_url: https://example.org/matrix, trusted_proxies: [10.0.0.1]}
federation:
  listen: ""
  verify_certificates: false
  allow_private_addresses: true
  hosts:
    example.net:8449: 10.0.0.2:1
    "[::1]": "[::1]:2"
  max_backoff: 1h30m
registration:
  open: true
  shared_secret: |
    line
    line
rate_limits: {enabled: false, sends_per_second: 2, send_burst: 3}
quotas: {inbox_messages: 4, inbox_bytes: 5}
rtm:
  apps:
  - app_id: "11111111111111111111111111111111"
    certificate: CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC
    namespace: ""
    keys:
    - {key: a, secret: b}
    - key: c
      secret: "d\" #: "
    open_history: true
    open_events: true
    channel_code_with_space: true
    webhooks: [{url: "http://10.0.0.1/h", secret: 0123456789abcdef, events: [join, message_expired]}]
    limits: {peer_messages_per_second: 1, channel_messages_per_second: 2, events_per_second: 0, history_per_second: 4}
  allow_private_addresses: true
  history: {keep: 36h, max_bytes: 6}
turn:
  uris: ["turn:a.example", "turns:b.example:5349?transport=tcp"]
  shared_secret: t
  lifetime: 1h
metrics: {listen: "[::1]:9090"}
log: {level: warn, format: json}
`))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

func TestSafeDefaultsHoldWithAFile(t *testing.T) {
	c, err := Parse([]byte("server_name: example.org\nclient: {listen: ':8008'}\nfederation: {listen: ':8448'}\nregistration: {shared_secret: s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Registration.Open || !c.Federation.VerifyCertificates || c.Federation.AllowPrivateAddresses || !c.RateLimits.Enabled {
		t.Errorf("a default is not safe: %+v", c)
	}
	if warnings := c.Warnings(); len(warnings) > 0 {
		t.Errorf("the safe defaults are warned of: %q", warnings)
	}
}

func TestErrorsNameTheFileAndTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my.yaml")
	if err := os.WriteFile(path, []byte("# first line\n\nfedration:\n  listen: ''\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if want := path + `:3: unknown key "fedration"; did you mean "federation"?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Load(path + ".missing"); err == nil || !strings.Contains(err.Error(), path+".missing") {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	_, err := Parse([]byte(`server_name: "not a name"
data_dir: ""
clinet: {listen: ":1"}
client:
  listen: nowhere
  lisen: ":2"
registration: {open: maybe}
data_dir: elsewhere
federation: {tls_cert: /nonexistent/cert.pem}
rtm:
  apps:
    - app_id: short
      keys: [{key: k, secert: s}]
    - app_id: 123
log: {level: loud, format: xml}
`))
	want := []string{
		"line 1: server_name: ", "line 2: data_dir: ", `line 3: unknown key "clinet"; did you mean "client"?`,
		"line 5: client.listen: ", `line 6: unknown key "client.lisen"; did you mean "client.listen"?`,
		"line 7: registration.open: want true or false", `line 8: duplicate key data_dir, which stands on line 2`,
		"line 9: federation.tls_key: missing", "line 9: federation.tls_cert: the file cannot be read",
		"line 12: rtm.apps[0].app_id: ", `line 13: unknown key "rtm.apps[0].keys[0].secert"; did you mean "rtm.apps[0].keys[0].secret"?`,
		"line 13: rtm.apps[0].keys[0].secret: missing", "line 14: rtm.apps[1].app_id: want a text; put the value in quotes",
		"line 15: log.level: ", "line 15: log.format: ",
	}
	checkLines(t, err, want)
}

// checkLines compares an error, line by line, with how each line is to begin.
func checkLines(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", want)
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%v", len(got), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
