package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/config"
)

// newAppRig is a rig that has the app firstApp in its configuration, and a server whose
// clients can find it.
func newAppRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	cfg := r.configs[here]
	cfg.Client.Listen = freeAddress(t)
	cfg.Registration.Open = true
	namespace := "own_"
	cfg.RTM.Apps = []config.RTMApp{{ID: firstApp, Certificate: signature, Namespace: &namespace, Keys: []config.RTMKey{{Key: "own key", Secret: "own secret"}}}}
	r.configs[here] = cfg
	r.write(r.file, fmt.Appendf(r.yaml(),
		"registration: {open: true}\nrtm: {apps: [{app_id: %q, certificate: %q, namespace: own_, keys: [{key: own key, secret: own secret}]}]}\n", firstApp, signature))
	return r
}

// A printedApp is what a command has printed of an app, by its words.
type printedApp map[string]string

var printedLine = regexp.MustCompile(`(?m)^(app_id|certificate|key|secret|namespace) +(.*)$`)

// makes runs a command that prints an app.
func (r *rig) makes(args ...string) (app printedApp, out string) {
	r.t.Helper()
	out, err := r.run(args...)
	if err != nil {
		r.t.Fatalf("%v: %v", args, err)
	}
	return readApp(out), out
}

func readApp(out string) printedApp {
	app := printedApp{}
	for _, line := range printedLine.FindAllStringSubmatch(out, -1) {
		app[line[1]] = line[2]
	}
	return app
}

// with is the app with what another command has printed of it.
func (a printedApp) with(change printedApp) printedApp {
	all := printedApp{}
	for _, one := range []printedApp{a, change} {
		for word, value := range one {
			all[word] = value
		}
	}
	return all
}

// sends tells the status of a message by key, and of one by a token.
func (r *rig) sends(app printedApp) (byKey, byToken int) {
	r.t.Helper()
	post := func(authorize func(*http.Request)) int {
		request, err := http.NewRequest("POST", "http://"+r.configs[here].Client.Listen+"/dev/v2/project/"+app["app_id"]+"/rtm/users/alice/peer_messages",
			strings.NewReader(`{"destination":"bob","payload":"hello"}`))
		if err != nil {
			r.t.Fatal(err)
		}
		authorize(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			r.t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	byKey = post(func(q *http.Request) { q.SetBasicAuth(app["key"], app["secret"]) })
	return byKey, post(func(q *http.Request) { q.Header.Set("Authorization", "agora token="+app["token"]) })
}

// token has a command make a token of the app as it is now.
func (r *rig) token(app printedApp) printedApp {
	r.t.Helper()
	out, err := r.run("rtm", "token", "--app", app["app_id"], "--uid", "alice", "--format", "007")
	if err != nil {
		r.t.Fatal(err)
	}
	return app.with(printedApp{"token": strings.TrimSpace(out)})
}

func (r *rig) wantSends(what string, app printedApp, byKey, byToken int) {
	r.t.Helper()
	if key, token := r.sends(app); key != byKey || token != byToken {
		r.t.Errorf("%s: by key %d, by token %d; want %d and %d", what, key, token, byKey, byToken)
	}
}

const (
	let    = http.StatusOK
	refuse = http.StatusUnauthorized
)

func TestAnAppCanBeUsedAsSoonAsItIsAdded(t *testing.T) {
	r := newAppRig(t)
	stop := r.start(here)
	register := func(name string, want int) {
		t.Helper()
		body := fmt.Sprintf(`{"username":%q,"password":"p","auth":{"type":"m.login.dummy"}}`, name)
		if status, answer := r.ask("POST", "register", "", body); status != want {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	register("shop_before", http.StatusOK)
	app, out := r.makes("rtm", "app", "add", "--namespace", "shop_")
	for _, words := range []string{"can be used now", "-u '" + app["key"] + ":" + app["secret"] + "'", "@shop_alice:here.test", "createInstance('" + app["app_id"] + "'", "ServerAdd: '127.0.0.1', Port: "} {
		if !strings.Contains(out, words) {
			t.Errorf("%q is not in\n%s", words, out)
		}
	}
	app = r.token(app)
	r.wantSends("at once", app, let, let)
	register("shop_after", http.StatusBadRequest)
	register("own_after", http.StatusBadRequest)
	own := r.token(printedApp{"app_id": firstApp, "key": "own key", "secret": "own secret"})
	r.wantSends("the app of the configuration", own, let, let)
	r.wantSends("a key of another app", own.with(printedApp{"app_id": app["app_id"]}), refuse, refuse)
	stop()
	later, out := r.makes("rtm", "app", "add")
	if !strings.Contains(out, "from the next start on") {
		t.Errorf("no server runs:\n%s", out)
	}
	later = r.token(later)
	stop = r.start(here) // with the configuration as it was: the server reads for itself what is kept
	for what, app := range map[string]printedApp{"after a restart": app, "added between": later, "the configuration's after a restart": own} {
		r.wantSends(what, app, let, let)
	}
	stop()
	loaded, err := config.Load(r.file)
	if err != nil {
		t.Fatal(err)
	}
	r.configs[here] = loaded
	r.start(here)
	r.wantSends("a restart by the file", app, let, let)
}

func TestWhatARotationReplacesIsRefusedAtOnce(t *testing.T) {
	r := newAppRig(t)
	stop := r.start(here)
	made, _ := r.makes("rtm", "app", "add")
	made = r.token(made)
	r.wantSends("made", made, let, let)

	secret, out := r.makes("rtm", "app", "rotate", "--app", made["app_id"], "--key", made["key"])
	if secret["certificate"] != "" || secret["key"] != made["key"] || strings.Contains(out, made["certificate"]) {
		t.Errorf("printed is\n%s", out)
	}
	r.wantSends("old secret", made, refuse, let)
	next := made.with(secret)
	r.wantSends("new secret", next, let, let)

	certificate, out := r.makes("rtm", "app", "rotate", "--app", made["app_id"], "--certificate")
	if certificate["certificate"] == "" || certificate["secret"] != "" || strings.Contains(out, next["secret"]) {
		t.Errorf("printed is\n%s", out)
	}
	r.wantSends("old token", next, let, refuse)
	next = r.token(next.with(certificate))
	r.wantSends("new token", next, let, let)

	both, _ := r.makes("rtm", "app", "rotate", "--app", made["app_id"], "--certificate", "--key", made["key"])
	r.wantSends("both old", next, refuse, refuse)
	r.wantSends("both new", r.token(next.with(both)), let, let)
	stop()
	r.start(here)
	r.wantSends("both old, after a restart", next, refuse, refuse)
	r.wantSends("both new, after a restart", r.token(next.with(both)), let, let)
}

func TestTheListShowsNoSecret(t *testing.T) {
	r := newAppRig(t)
	made, _ := r.makes("rtm", "app", "add")
	out, err := r.run("rtm", "app", "list")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{firstApp + "  own_ ", "own key", r.file, made["app_id"], made["key"], "rtm_" + made["app_id"][:8] + "_", "rtm-apps.yaml"} {
		if !strings.Contains(out, words) {
			t.Errorf("%q is not in\n%s", words, out)
		}
	}
	for _, secret := range []string{signature, "own secret", made["certificate"], made["secret"]} {
		if strings.Contains(out, secret) {
			t.Errorf("a secret is in\n%s", out)
		}
	}
}

func TestWhatCannotBeDoneWithAnAppIsSaid(t *testing.T) {
	r := newAppRig(t)
	r.start(here)
	made, _ := r.makes("rtm", "app", "add", "--namespace", "made_")
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"add", "--namespace", "own_"}, []string{"overlaps"}},
		{[]string{"add", "--namespace", "made_x"}, []string{"overlaps"}},
		{[]string{"add", "--namespace", ""}, []string{"overlaps"}},
		{[]string{"add", "--namespace", "Bad name"}, []string{"want a short beginning"}},
		{[]string{"rotate", "--app", made["app_id"]}, []string{"--certificate", "--key"}},
		{[]string{"rotate", "--app", "nosuchapp", "--certificate"}, []string{"there is no RTM app", made["app_id"]}},
		{[]string{"rotate", "--app", made["app_id"], "--key", "nosuchkey"}, []string{made["key"]}},
		{[]string{"rotate", "--app", firstApp, "--certificate"}, []string{r.file, "no command changes", "restart the server"}},
	} {
		out, err := r.run(append([]string{"rtm", "app"}, c.args...)...)
		if err == nil || out != "" {
			t.Errorf("%q: %v, and printed is %q", c.args, err, out)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q: %q is not in: %v", c.args, word, err)
			}
		}
		for _, secret := range []string{signature, made["certificate"], made["secret"]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q: a secret is in: %v", c.args, err)
			}
		}
	}
	r.wantSends("afterwards", r.token(made), let, let)
}

func TestTheAppOfThePlaygroundIsRotatedByHand(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := runAlone(t, "rtm", "app", "list"); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Playground("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runAlone(t, "rtm", "app", "rotate", "--certificate", "--app", cfg.RTM.Apps[0].ID); err == nil || !strings.Contains(err.Error(), cfg.PlaygroundAppFile()) {
		t.Errorf("got %v", err)
	}
}

func TestAppsThatAreAddedAtOnceCanAllBeUsed(t *testing.T) {
	r := newAppRig(t)
	r.start(here)
	var wait sync.WaitGroup
	printed := make([]string, 8)
	for i := range printed {
		wait.Go(func() {
			var err error
			if printed[i], err = r.run("rtm", "app", "add"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, out := range printed {
		r.wantSends("added beside others", r.token(readApp(out)), let, let)
	}
}

// The secrets are shown once, so also where something goes wrong after they are kept.
func TestSecretsAreShownAlsoIfTheServerDoesNotTakeThem(t *testing.T) {
	r := newAppRig(t)
	r.start(here)
	cfg := r.configs[here]
	another := filepath.Join(filepath.Dir(r.file), "another.yaml") // does not have the server's app
	r.write(another, r.yaml())
	r.file = another
	out, err := r.run("rtm", "app", "add", "--namespace", "own_")
	if err == nil || !strings.Contains(err.Error(), "did not take it") || !strings.Contains(err.Error(), "overlaps") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out, "secret ") || strings.Contains(out, "can be used") {
		t.Errorf("printed is\n%s", out)
	}
	if _, err := os.Stat(cfg.KeptAppsFile()); err != nil {
		t.Error(err)
	}
	r.wantSends("the server goes on with what it had", printedApp{"app_id": firstApp, "key": "own key", "secret": "own secret"}, let, refuse)
}

func TestTheAddressOfAnAppIsThatOfTheServer(t *testing.T) {
	for _, c := range []struct{ listen, base, url, cloud string }{
		{"127.0.0.1:8008", "", "http://127.0.0.1:8008", "{ ServerAdd: '127.0.0.1', Port: 8008, Wss: false }"},
		{":8008", "", "http://127.0.0.1:8008", "{ ServerAdd: '127.0.0.1', Port: 8008, Wss: false }"},
		{"0.0.0.0:80", "", "http://127.0.0.1:80", "{ ServerAdd: '127.0.0.1', Port: 80, Wss: false }"},
		{"[::]:80", "", "http://127.0.0.1:80", "{ ServerAdd: '127.0.0.1', Port: 80, Wss: false }"},
		{"10.0.0.1:80", "https://a.example", "https://a.example", "{ ServerAdd: 'a.example', Port: 443, Wss: true }"},
		{"10.0.0.1:80", "https://a.example:444/matrix", "https://a.example:444/matrix", "{ ServerAdd: 'a.example', Port: 444, Wss: true }"},
		{"10.0.0.1:80", "http://a.example", "http://a.example", "{ ServerAdd: 'a.example', Port: 80, Wss: false }"},
	} {
		base := clientURL(config.Config{Client: config.Client{Listen: c.listen, BaseURL: c.base}})
		if cloud := privateCloud(base); base != c.url || cloud != c.cloud {
			t.Errorf("%+v: %s, %s", c, base, cloud)
		}
	}
}

func TestTheAppCommandsHaveHelp(t *testing.T) {
	for help, words := range map[string]string{(rtmAppAdd{}).Help(): "data_dir", (rtmAppRotate{}).Help(): "refused"} {
		if !strings.Contains(help, words) {
			t.Errorf("%q is not in %q", words, help)
		}
	}
}
