package config

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	const public = "server_name: example.org\nclient: {listen: ':8008'}\n"
	app := apps("app_id: " + thirtyTwo("a"))
	for _, test := range []struct{ name, yaml, want string }{
		{"playground", "registration: {open: true}\nrate_limits: {enabled: false}\n" + app, ""},
		{"safe", public, ""},
		{"open", public + "registration: {open: true}", "registration.open is true"},
		{"open by federation's listener", "server_name: example.org\nfederation: {listen: ':1'}\nregistration: {open: true}", "registration.open is true"},
		{"unlimited", public + "rate_limits: {enabled: false}", "rate_limits.enabled is false"},
		{"local name", "server_name: localhost:8448\nclient: {listen: ':8008'}", "server_name is a name of this machine"},
		{"local address", "server_name: '[::1]:8448'\nclient: {listen: ':8008'}", "server_name is a name of this machine"},
		{"unverified", "federation: {verify_certificates: false}", "federation.verify_certificates is false"},
		{"app without certificate", public + app, "rtm.apps[0] has no certificate"},
		{"app with certificate", public + app + "\n      certificate: " + thirtyTwo("c"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse([]byte(test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			warnings := strings.Join(c.Warnings(), "\n")
			if !strings.HasPrefix(warnings, test.want) || (test.want == "") != (warnings == "") || strings.Contains(warnings, "\n") {
				t.Errorf("got %q, want one that begins with %q", warnings, test.want)
			}
		})
	}
}
