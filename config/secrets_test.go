package config

import (
	"strings"
	"testing"
)

func TestNoErrorShowsASecret(t *testing.T) {
	const secret = "hunter2X9c41dd" // in every text below, usually where it should not be
	app := apps("app_id: " + thirtyTwo("a"))
	for _, yaml := range []string{
		// Not YAML.
		"registration:\n  shared_secret: '" + secret,
		"registration:\n  shared_secret: \"" + secret + "\\q\"",
		"registration:\n  shared_secret: >" + secret,
		"registration:\n  shared_secret: |" + secret + " x",
		"registration:\n  shared_secret: @" + secret,
		"registration:\n  shared_secret: &" + secret,
		"registration:\n  shared_secret: [" + secret,
		"registration:\n  shared_secret: " + secret + ": x",
		"registration:\n  open: true\n  shared_secret:" + secret,
		"registration:\n  shared_secret: x\n    " + secret + ": y",
		"registration:\n  shared_secret: " + secret + "\nlog:\n\tlevel: info",
		"%YAML " + secret + "\n---\nlog: {}",
		// YAML of another shape.
		secret,
		"- " + secret,
		"registration: " + secret,
		"registration: {open: " + secret + "}",
		"registration: {shared_secret: [" + secret + "]}",
		"registration: {shared_secret: {" + secret + ": " + secret + "}}",
		"registration: {shared_secret: !" + secret + "}",
		"registration: {shared_secret: *" + secret + "}",
		"registration: {" + secret + "}",
		"registration: {" + secret + ": x}",
		"registration: {? " + secret + " : x}",
		"registration:\n  ? " + secret + "\n  : x",
		"registration: {sharedsecret: " + secret + "}",
		"registration: {shared_secret: " + secret + "}\nregistration: {shared_secret: " + secret + "}",
		"log: {}\n---\nregistration: {shared_secret: " + secret + "}",
		"turn: {shared_secret: [" + secret + "]}",
		app + "\n      certificate: [" + secret + "]",
		app + "\n      keys: " + secret,
		app + "\n      keys: {" + secret + ": " + secret + "}",
		app + "\n      keys:\n      - " + secret,
		app + "\n      keys:\n      - " + secret + ": " + secret,
		app + "\n      webhooks: [" + secret + "]",
		// Wrong values.
		"server_name: " + secret + ":x",
		"database: postgres://u:" + secret + "@h/d",
		"database: " + secret,
		"client: {base_url: 'https://u:" + secret + "@a.example'}",
		"client: {base_url: 'https://u:" + secret + "%zz@a.example'}",
		"client: {listen: " + secret + "}",
		"federation: {hosts: {a.example: " + secret + "}}",
		"federation:\n  tls_cert: x\n  tls_key: |\n    -----BEGIN PRIVATE KEY-----\n    " + secret,
		"federation: {ca_file: " + secret + "}",
		"turn: {shared_secret: " + secret + "}",
		"turn: {uris: [" + secret + "], shared_secret: " + secret + "}",
		"log: {level: " + secret + "}",
		"log: {format: " + secret + "}",
		apps("app_id: " + secret),
		app + "\n      certificate: " + secret,
		app + "\n      namespace: " + secret,
		app + "\n      keys: [{key: " + secret + "}]",
		app + "\n      keys: [{key: '" + secret + ":'}]",
		app + "\n      keys: [{secret: " + secret + "}]",
		app + "\n      webhooks: [{url: 'https://u:" + secret + "@a.example/', secret: " + secret + ", events: [" + secret + "]}]",
		app + "\n      webhooks: [{url: 'https://a.example/" + secret + "', secret: " + secret + ", events: [login, login]}]",
		app + "\n      keys: [{key: " + secret + ", secret: " + secret + "}, {key: " + secret + ", secret: " + secret + "}]",
	} {
		_, err := Parse([]byte(yaml))
		if err == nil {
			t.Errorf("taken without an error:\n%s", yaml)
		} else if text := strings.ToLower(err.Error()); strings.Contains(text, strings.ToLower(secret)) {
			t.Errorf("%s\nis told of with its secret: %v", yaml, err)
		}
	}
}
