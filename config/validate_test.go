package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// thirtyTwo is an app ID of one character.
func thirtyTwo(c string) string { return strings.Repeat(c, 32) }

func apps(entries ...string) string {
	return "rtm:\n  apps:\n    - " + strings.Join(entries, "\n    - ")
}

func TestWrongValuesAreRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := thirtyTwo("a"), thirtyTwo("b")
	for _, test := range []struct{ name, yaml, want string }{
		{"server name with a space", "server_name: a b", "line 1: server_name: not a Matrix server name"},
		{"server name with a named port", "server_name: a.example:https", "line 1: server_name: not a Matrix server name"},
		{"empty server name", `server_name: ""`, "line 1: server_name: not a Matrix server name"},
		{"no server name, clients from anywhere", "client: {listen: ':8008'}", "server_name: missing"},
		{"no server name, clients by host name", "client: {listen: 'host.example:8008'}", "server_name: missing"},
		{"no server name, servers from anywhere", "federation: {listen: '0.0.0.0:8448'}", "server_name: missing"},
		{"empty data folder", `data_dir: ""`, "line 1: data_dir: name the folder"},
		{"postgres", "database: postgres://u:p@h/d", "line 1: database: PostgreSQL is not supported by this version"},
		{"postgresql", "database: postgresql:///d", "line 1: database: PostgreSQL is not supported by this version"},
		{"other database", "database: sqlite", "line 1: database: not a database"},
		{"no client listener", `client: {listen: ""}`, "line 1: client.listen: clients must be listened to"},
		{"listen without port", "client: {listen: 127.0.0.1}", "line 1: client.listen: want host:port"},
		{"listen on a large port", "client: {listen: '127.0.0.1:65536'}", "line 1: client.listen: want host:port"},
		{"listen on a named port", "client: {listen: '127.0.0.1:http'}", "line 1: client.listen: want host:port"},
		{"listen on a URL", "client: {listen: 'http://127.0.0.1:80'}", "line 1: client.listen: want host:port"},
		{"listen on a bare IPv6 address", "federation: {listen: '::1:8448'}", "line 1: federation.listen: want host:port"},
		{"metrics without port", "metrics: {listen: localhost}", "line 1: metrics.listen: want host:port"},
		{"same address twice", "metrics: {listen: '127.0.0.1:8448'}", "line 1: metrics.listen: federation.listen listens there already"},
		{"base URL with a slash", "client: {base_url: 'https://a.example/'}", "line 1: client.base_url: want the http:// or https:// URL"},
		{"base URL of another scheme", "client: {base_url: 'ftp://a.example'}", "line 1: client.base_url: want"},
		{"base URL without host", "client: {base_url: 'https://:80'}", "line 1: client.base_url: want"},
		{"base URL with a query", "client: {base_url: 'https://a.example?b'}", "line 1: client.base_url: want"},
		{"base URL without scheme", "client: {base_url: a.example}", "line 1: client.base_url: want"},
		{"a proxy by its name", "client: {trusted_proxies: [localhost]}", "line 1: client.trusted_proxies[0]: want an IP address or a network"},
		{"a proxy with a port", "client:\n  trusted_proxies:\n    - 10.0.0.1\n    - 10.0.0.1:80", "line 4: client.trusted_proxies[1]: want an IP address"},
		{"a network that is too long", "client: {trusted_proxies: [10.0.0.0/33]}", "line 1: client.trusted_proxies[0]: want an IP address"},
		{"no sends", "rate_limits: {sends_per_second: 0}", "line 1: rate_limits.sends_per_second: want a number from 1"},
		{"no burst", "rate_limits: {send_burst: 1000001}", "line 1: rate_limits.send_burst: want a number from 1 to 1000000"},
		{"no inbox", "quotas: {inbox_messages: 0}", "line 1: quotas.inbox_messages: want a number from 1"},
		{"an endless inbox", "quotas: {inbox_bytes: 1099511627777}", "line 1: quotas.inbox_bytes: want a number from 1"},
		{"a history of no time", "rtm: {history: {keep: 59s}}", "line 1: rtm.history.keep: want 1m or more"},
		{"no history", "rtm: {history: {max_bytes: 0}}", "line 1: rtm.history.max_bytes: want a number from 1"},
		{"an endless history", "rtm: {history: {max_bytes: 1099511627777}}", "line 1: rtm.history.max_bytes: want a number from 1"},
		{"certificate without key", "federation: {tls_cert: " + empty + "}", "line 1: federation.tls_key: missing"},
		{"key without certificate", "federation: {tls_key: " + empty + "}", "line 1: federation.tls_cert: missing"},
		{"files without a pair", "federation: {tls_cert: " + empty + ", tls_key: " + empty + "}", "line 1: federation.tls_cert: tls_cert and tls_key cannot be used together"},
		{"no roots", "federation: {ca_file: " + empty + "}", "line 1: federation.ca_file: holds no certificate"},
		{"missing roots", "federation: {ca_file: " + empty + ".not}", "line 1: federation.ca_file: the file cannot be read: no such file"},
		{"a folder of roots", "federation: {ca_file: " + filepath.Dir(empty) + "}", "line 1: federation.ca_file: is not a file"},
		{"host name that is none", "federation:\n  hosts:\n    a b: 'h:1'", `line 3: federation.hosts["a b"]: not a Matrix server name`},
		{"host without port", "federation:\n  hosts:\n    a.example: h", `line 3: federation.hosts["a.example"]: want host:port`},
		{"host with port 0", "federation: {hosts: {a.example: 'h:0'}}", `line 1: federation.hosts["a.example"]: want host:port`},
		{"host without name", "federation: {hosts: {a.example: ':1'}}", `line 1: federation.hosts["a.example"]: want host:port`},
		{"no back-off", "federation: {max_backoff: 0}", "line 1: federation.max_backoff: want 1s or more"},
		{"a short time to give up", "federation: {give_up_after: 59m}", "line 1: federation.give_up_after: want 1h or more, or 0 for never"},
		{"a negative time to give up", "federation: {give_up_after: -1h}", "line 1: federation.give_up_after: want 1h or more, or 0 for never"},
		{"a short back-off", "federation: {max_backoff: 999ms}", "line 1: federation.max_backoff: want 1s or more"},
		{"a negative back-off", "federation: {max_backoff: -1h}", "line 1: federation.max_backoff: want 1s or more"},
		{"a pattern in the middle", "federation: {deny_servers: [a.example, 'a.*.example']}", "line 1: federation.deny_servers[1]: want a server name, or *. and a name"},
		{"a pattern of everything", "federation:\n  allow_servers:\n    - '*'", "line 3: federation.allow_servers[0]: want a server name"},
		{"allowed servers in a text", "federation: {allow_servers: a.example}", "line 1: federation.allow_servers: want a list"},
		{"notary that is none", "federation: {notaries: ['a b']}", "line 1: federation.notaries[0]: not a Matrix server name"},
		{"notary twice", "federation: {notaries: [a.example, a.example]}", "line 1: federation.notaries[1]: stands further up already"},
		{"notary to itself", "server_name: a.example\nfederation: {notaries: [a.example]}", "line 2: federation.notaries[0]: is this server itself"},
		{"relay without a secret", "turn: {uris: ['turn:a.example']}", "line 1: turn.shared_secret: missing"},
		{"relay without an address", "turn: {shared_secret: s}", "line 1: turn.uris: missing"},
		{"relay at a URL", "turn: {uris: ['turn:a.example', 'https://a.example'], shared_secret: s}", "line 1: turn.uris[1]: want turn: or turns:"},
		{"relay nowhere", "turn: {uris: ['turns:'], shared_secret: s}", "line 1: turn.uris[0]: want turn: or turns:"},
		{"a short time for calls", "turn: {lifetime: 59s}", "line 1: turn.lifetime: want 1m or more"},
		{"log level", "log: {level: loud}", "line 1: log.level: want one of panic, fatal, error, warning, info, debug, trace"},
		{"log format", "log: {format: xml}", "line 1: log.format: want text or json"},

		{"app without ID", apps("certificate: " + a), "line 3: rtm.apps[0].app_id: want 32 letters and digits"},
		{"short app ID", apps("app_id: " + a[1:]), "line 3: rtm.apps[0].app_id: want 32"},
		{"app ID of other characters", apps("app_id: -" + a[1:]), "line 3: rtm.apps[0].app_id: want 32"},
		{"long certificate", apps("{app_id: " + a + ", certificate: " + a + "a}"), "line 3: rtm.apps[0].certificate: want 32"},
		{"namespace in capitals", apps("{app_id: " + a + ", namespace: Rtm_}"), "line 3: rtm.apps[0].namespace: want a short beginning"},
		{"namespace that fills a user ID", apps("{app_id: " + a + ", namespace: " + strings.Repeat("n", 240) + "}"), "line 3: rtm.apps[0].namespace: want a short beginning"},
		{"app ID twice", apps("app_id: "+a, "{app_id: "+a+", namespace: other}"), "line 4: rtm.apps[1].app_id: is that of rtm.apps[0].app_id too"},
		{"namespace twice", apps("{app_id: "+a+", namespace: n}", "{app_id: "+b+", namespace: n}"), "line 4: rtm.apps[1].namespace: overlaps with that of rtm.apps[0]"},
		{"namespace begins with another", apps("{app_id: "+a+", namespace: n_}", "{app_id: "+b+", namespace: n_b_}"), "line 4: rtm.apps[1].namespace: overlaps"},
		{"another begins with the namespace", apps("{app_id: "+a+", namespace: n_b_}", "{app_id: "+b+", namespace: n_}"), "line 4: rtm.apps[1].namespace: overlaps"},
		{"empty namespace of two apps", apps("app_id: "+a, "{app_id: "+b+", namespace: ''}"), "line 4: rtm.apps[1].namespace: overlaps"},
		{"default namespaces alike", apps("app_id: "+a, "app_id: "+strings.ToUpper(a)), "line 4: rtm.apps[1].namespace: overlaps"},
		{"default namespace begins with another", apps("{app_id: "+a+", namespace: rtm_}", "app_id: "+b), "line 4: rtm.apps[1].namespace: overlaps"},
		{"key without name", apps("{app_id: " + a + ", keys: [{secret: s}]}"), "line 3: rtm.apps[0].keys[0].key: missing"},
		{"key with a colon", apps("{app_id: " + a + ", keys: [{key: 'k:', secret: s}]}"), "line 3: rtm.apps[0].keys[0].key: must not hold a colon"},
		{"limit below none", apps("{app_id: " + a + ", limits: {events_per_second: -1}}"), "line 3: rtm.apps[0].limits.events_per_second: want a number from 1 to 1000000, or 0"},
		{"limit too high", apps("{app_id: " + a + ", limits: {history_per_second: 1000001}}"), "line 3: rtm.apps[0].limits.history_per_second: want a number from 1 to 1000000, or 0"},
		{"key without secret", apps("{app_id: " + a + ", keys: [{key: k}]}"), "line 3: rtm.apps[0].keys[0].secret: missing"},
		{"key twice in an app", apps("{app_id: " + a + ", keys: [{key: k, secret: s}, {key: k, secret: t}]}"), "line 3: rtm.apps[0].keys[1].key: is that of rtm.apps[0].keys[0].key too"},
		{"key twice in two apps", apps("{app_id: "+a+", keys: [{key: k, secret: s}]}", "{app_id: "+b+", keys: [{key: k, secret: s}]}"), "line 4: rtm.apps[1].keys[0].key: is that of rtm.apps[0].keys[0].key too"},
		{"webhook nowhere", webhooks("{secret: 0123456789abcdef, events: [login]}"), "line 3: rtm.apps[0].webhooks[0].url: want an address"},
		{"webhook at a path", webhooks("{url: /h, secret: 0123456789abcdef, events: [login]}"), "line 3: rtm.apps[0].webhooks[0].url: want an address"},
		{"webhook by another scheme", webhooks("{url: 'ftp://h.example/', secret: 0123456789abcdef, events: [login]}"), "line 3: rtm.apps[0].webhooks[0].url: want an address"},
		{"webhook with a short secret", webhooks("{url: 'https://h.example', secret: 0123456789abcde, events: [login]}"), "line 3: rtm.apps[0].webhooks[0].secret: want 16"},
		{"webhook with a secret that is no base64", webhooks("{url: 'https://h.example', secret: whsec_0123456789abcdef=, events: [login]}"), "line 3: rtm.apps[0].webhooks[0].secret: want 16"},
		{"webhook without events", webhooks("{url: 'https://h.example', secret: 0123456789abcdef}"), "line 3: rtm.apps[0].webhooks[0].events: missing"},
		{"webhook of an unknown event", webhooks("{url: 'https://h.example', secret: 0123456789abcdef, events: [Login]}"), "line 3: rtm.apps[0].webhooks[0].events[0]: want one of login, logout"},
		{"webhook of an event twice", webhooks("{url: 'https://h.example', secret: 0123456789abcdef, events: [login, login]}"), "line 3: rtm.apps[0].webhooks[0].events[1]: stands further up"},
		{"webhook twice", webhooks("{url: 'https://h.example', secret: 0123456789abcdef, events: [login]}", "{url: 'https://h.example', secret: 0123456789abcdef, events: [join]}"),
			"line 3: rtm.apps[0].webhooks[1].url: is that of rtm.apps[0].webhooks[0].url too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.yaml))
			checkLines(t, err, []string{test.want})
		})
	}
}

func TestRightValuesAreTaken(t *testing.T) {
	a, b := thirtyTwo("a"), thirtyTwo("B")
	for _, yaml := range []string{
		"client: {listen: 'localhost:0'}\nfederation: {listen: 'LOCALHOST:0'}\nmetrics: {listen: 'localhost:0'}",
		"client: {listen: '[::1]:8008'}\nfederation: {listen: '127.9.9.9:8448'}",
		"federation: {listen: ''}",
		"metrics: {listen: ':9090'}",
		"server_name: localhost:8448\nclient: {listen: '0.0.0.0:8008'}",
		"server_name: '[2001:db8::1]:8448'\nclient: {listen: '[::]:8008'}",
		"client: {base_url: 'http://127.0.0.1:8008', trusted_proxies: [10.0.0.1, 'fd00::/8', '::1']}",
		"rate_limits: {sends_per_second: 1, send_burst: 1}\nquotas: {inbox_messages: 1, inbox_bytes: 1099511627776}",
		"federation: {hosts: {a.example: 'b.example:1', 10.0.0.1: '10.0.0.1:65535'}}",
		"federation: {allow_servers: [a.example, '*.a.example', 'a.example:1'], deny_servers: [], notaries: [b.example, 'b.example:1']}",
		"turn: {uris: ['turn:a.example:3478?transport=udp', 'turns:[::1]'], shared_secret: s}",
		"log: {level: WARNING}",
		"rtm: {history: {keep: 1m, max_bytes: 1099511627776}}",
		apps("app_id: "+a, "app_id: "+b),
		apps("{app_id: " + a + ", certificate: '', namespace: '', keys: []}"),
		apps("{app_id: "+a+", namespace: a_}", "{app_id: "+b+", namespace: 'b.=-/+'}"),
		webhooks("{url: 'http://127.0.0.1:80/h?k=v', secret: whsec_AAECAwQFBgcICQoLDA0ODw==, events: [login, logout, join, leave, message_delivered, message_expired]}"),
	} {
		if _, err := Parse([]byte(yaml)); err != nil {
			t.Errorf("%s\n%v", yaml, err)
		}
	}
}

// webhooks is a file with an app that has these.
func webhooks(list ...string) string {
	return apps("{app_id: " + thirtyTwo("a") + ", webhooks: [" + strings.Join(list, ", ") + "]}")
}

func TestValidateChecksAConfigMadeInGo(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	c := Default()
	c.ServerName, c.Log.Level = "", ""
	checkLines(t, c.Validate(), []string{"server_name: not a Matrix server name", "log.level: want one of"})
}

func TestDefaultUserPrefixComesFromTheAppID(t *testing.T) {
	if prefix := (RTMApp{ID: "0123ABCD" + thirtyTwo("x")[8:]}).UserPrefix(); prefix != "rtm_0123abcd_" {
		t.Errorf("user prefix %q, want rtm_0123abcd_", prefix)
	}
}

func TestTrustedProxiesAreAddressesAndNetworks(t *testing.T) {
	c := Client{TrustedProxies: []string{"10.0.0.5", "192.168.1.7/16", "::1", "::ffff:10.0.0.6"}}
	if got := fmt.Sprint(c.Proxies()); got != "[10.0.0.5/32 192.168.0.0/16 ::1/128 10.0.0.6/32]" {
		t.Errorf("got %s", got)
	}
}
