package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestUnknownKeyNamesTheNearest(t *testing.T) {
	for _, test := range []struct{ yaml, unknown, nearest string }{
		{"sever_name: a", "sever_name", "server_name"},
		{"server-name: a", "server-name", "server_name"},
		{"ServerName: a", "ServerName", "server_name"},
		{"datadir: a", "datadir", "data_dir"},
		{"logs: {}", "logs", "log"},
		{"client: {url: a}", "client.url", "client.base_url"},
		{"federation: {verify_certificate: true}", "federation.verify_certificate", "federation.verify_certificates"},
		{"listen: ':1'", "listen", "client.listen"},
		{"shared_secret: a", "shared_secret", "registration.shared_secret"},
		{"client: {tls_cert: a}", "client.tls_cert", "federation.tls_cert"},
		{"rtm: {app_id: a}", "rtm.app_id", "rtm.apps[].app_id"},
		{apps("{app_id: " + thirtyTwo("a") + ", namespcae: a}"), "rtm.apps[0].namespcae", "rtm.apps[0].namespace"},
	} {
		_, err := Parse([]byte(test.yaml))
		want := `unknown key "` + test.unknown + `"; did you mean "` + test.nearest + `"?`
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", test.yaml, err, want)
		}
	}
}

func TestWrongShapesAreRefused(t *testing.T) {
	for _, test := range []struct{ name, yaml, want string }{
		{"a text as file", "hello", "want keys"},
		{"a list as file", "- a", "want keys"},
		{"a text as section", "client: here", "line 1: client: want keys"},
		{"a list as section", "\nclient: [a]", "line 2: client: want keys"},
		{"a section as text", "data_dir: {a: b}", "line 1: data_dir: want one text"},
		{"a list as text", "data_dir:\n  - a", "line 1: data_dir: want one text"},
		{"a number as text", "registration: {shared_secret: 0123}", "line 1: registration.shared_secret: want a text; put"},
		{"a boolean as text", "registration: {shared_secret: true}", "line 1: registration.shared_secret: want a text; put"},
		{"nothing as text", "data_dir:\nlog: {}", "line 1: data_dir: has no value"},
		{"nothing as boolean", "registration: {open: }", "line 1: registration.open: want true or false"},
		{"yes", "registration: {open: yes}", "line 1: registration.open: want true or false"},
		{"a quoted boolean", "registration: {open: 'true'}", "line 1: registration.open: want true or false"},
		{"a duration without unit", "federation: {max_backoff: '90'}", "line 1: federation.max_backoff: want a duration, for"},
		{"a duration with an unknown unit", "federation: {max_backoff: 1d}", "line 1: federation.max_backoff: want a duration"},
		{"a fraction as duration", "federation: {max_backoff: 1.5}", "line 1: federation.max_backoff: want a duration"},
		{"an odd number as duration", "federation: {max_backoff: 0x10}", "line 1: federation.max_backoff: want a duration"},
		{"a large number as duration", "federation: {max_backoff: 99999999999}", "line 1: federation.max_backoff: want a duration"},
		{"nothing as duration", "federation: {max_backoff: }", "line 1: federation.max_backoff: want a duration"},
		{"keys as duration", "federation: {max_backoff: {a: b}}", "line 1: federation.max_backoff: want a duration"},
		{"a fraction as number", "quotas: {inbox_messages: 1.5}", "line 1: quotas.inbox_messages: want a whole number"},
		{"a quoted number", "quotas: {inbox_messages: '1'}", "line 1: quotas.inbox_messages: want a whole number"},
		{"a size with a unit", "quotas: {inbox_bytes: 1MiB}", "line 1: quotas.inbox_bytes: want a whole number"},
		{"an odd number", "quotas: {inbox_bytes: 0x10}", "line 1: quotas.inbox_bytes: want a whole number"},
		{"a large number", "quotas: {inbox_bytes: 9223372036854775808}", "line 1: quotas.inbox_bytes: want a whole number"},
		{"nothing as number", "quotas: {inbox_bytes: }", "line 1: quotas.inbox_bytes: want a whole number"},
		{"keys as list", "rtm: {apps: {app_id: a}}", "line 1: rtm.apps: want a list"},
		{"a text as entry", "rtm:\n  apps:\n    - a", "line 3: rtm.apps[0]: want keys"},
		{"an anchor", "registration: {shared_secret: &a b}", "line 1: registration.shared_secret: want a text; one that begins"},
		{"a tag", "registration: {shared_secret: !a b}", "line 1: registration.shared_secret: want a text; one that begins"},
		{"a key without space", "log: {}\nregistration:\n  open: true\n  shared_secret:abc\n", "line 4: not valid YAML"},
		{"a key alone", "registration: {open: true, shared_secret}", "line 1: a key stands alone here"},
		{"a key twice", "log: {}\nclient: {}\nlog: {}", `line 3: duplicate key log, which stands on line 1 already`},
		{"a host twice", "federation:\n  hosts:\n    a: b:1\n    a: b:1", `line 4: duplicate key federation.hosts["a"], which stands on line 3`},
		{"two documents", "log: {}\n---\nlog: {}", "line 3: a second document"},
		{"a tab", "log:\n\tlevel: info", "line 2: not valid YAML"},
		{"an open quote", "log: {}\ndata_dir: \"a", "line 2: not valid YAML"},
		{"an open bracket", "log: {\n", "line 1: not valid YAML"},
		{"wrong indentation", "log:\n   level: info\n  format: text\n", "line 3: not valid YAML"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.yaml))
			checkLines(t, err, []string{test.want})
		})
	}
}

func TestDurationsAreReadInTheirUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "'1h30m'": 90 * time.Minute, "90": 90 * time.Second, "1": time.Second,
	} {
		c, err := Parse([]byte("federation: {max_backoff: " + text + "}"))
		if err != nil || c.Federation.MaxBackoff != want {
			t.Errorf("%s gives %v, %v; want %v", text, c.Federation.MaxBackoff, err, want)
		}
	}
}

func TestEveryFieldHasAKeyAndAKindThatCanBeRead(t *testing.T) {
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			if keyOf(field) == "" {
				t.Errorf("%s.%s has no yaml tag", typ, field.Name)
			}
			switch of := field.Type; of.Kind() {
			case reflect.Struct:
				check(of)
			case reflect.Slice:
				if of.Elem().Kind() != reflect.String {
					check(of.Elem())
				}
			case reflect.Pointer:
				if kind := of.Elem().Kind(); kind != reflect.String && kind != reflect.Int {
					t.Errorf("%s.%s is a %s", typ, field.Name, of)
				}
			case reflect.Map:
				if of.Elem().Kind() != reflect.String {
					t.Errorf("%s.%s is a %s", typ, field.Name, of)
				}
			case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
			default:
				if of == reflect.TypeFor[time.Duration]() {
					continue
				}
				t.Errorf("%s.%s is a %s", typ, field.Name, of)
			}
		}
	}
	check(reflect.TypeFor[Config]())
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"ab", "ba", 2}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("server_name: a\nclient: {listen: ':1'}\n"))
	f.Add([]byte(apps("{app_id: " + thirtyTwo("a") + ", keys: [{key: k, secret: s}]}")))
	f.Add([]byte("? a\n: &b [*b, !c d, <<: |]\n--- >-\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("parsed, but not valid: %v", err)
		}
	})
}
