package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// keeping is a configuration with one app of its own.
func keeping(t *testing.T) (load func() (Config, error)) {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "my.yaml")
	text := "data_dir: " + filepath.Join(folder, "new", "data") + "\nrtm:\n  apps:\n    - app_id: " + thirtyTwo("A") + "\n" +
		"      namespace: own_\n      keys: [{key: own, secret: s}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() (Config, error) { return Load(path) }
}

func mustLoad(t *testing.T, load func() (Config, error)) Config {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAppThatIsAddedIsInTheConfigurationFromThenOn(t *testing.T) {
	load := keeping(t)
	c := mustLoad(t, load)
	namespace := "shop_"
	first, err := c.AddApp(&namespace)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.AddApp(nil) // by a configuration that was read before the first
	if err != nil {
		t.Fatal(err)
	}
	want := []RTMApp{c.RTM.Apps[0], first, second}
	if got := mustLoad(t, load).RTM.Apps; !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	now, err := c.WithKeptApps()
	if err != nil || !reflect.DeepEqual(now.RTM.Apps, want) || len(c.RTM.Apps) != 1 {
		t.Errorf("got\n%+v, %v", now.RTM.Apps, err)
	}
	if *first.Namespace != "shop_" || second.Namespace != nil || first.Certificate == second.Certificate || first.Keys[0] == second.Keys[0] {
		t.Errorf("made were\n%+v\n%+v", first, second)
	}
	info, err := os.Stat(c.KeptAppsFile())
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
}

func TestAnAppThatDoesNotFitIsNotAdded(t *testing.T) {
	load := keeping(t)
	c := mustLoad(t, load)
	other := "other_"
	if _, err := c.AddApp(&other); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(c.KeptAppsFile())
	if err != nil {
		t.Fatal(err)
	}
	for namespace, words := range map[string]string{
		"own_":                   "overlaps with that of rtm.apps[0]",
		"own_more_":              "overlaps with that of rtm.apps[0]",
		"o":                      "overlaps",
		"":                       "overlaps",
		"other_":                 "overlaps with that of rtm.apps[1]",
		"Upper_":                 "want a short beginning",
		"a b":                    "want a short beginning",
		strings.Repeat("x", 300): "want a short beginning",
	} {
		if _, err := c.AddApp(&namespace); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", namespace, err)
		}
	}
	after, err := os.ReadFile(c.KeptAppsFile())
	if err != nil || string(after) != string(before) {
		t.Errorf("the file has become\n%s, %v", after, err)
	}
}

func TestOfAppsThatAreAddedAtOnceNoneIsLost(t *testing.T) {
	load := keeping(t)
	c := mustLoad(t, load)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := c.AddApp(nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := len(mustLoad(t, load).RTM.Apps); got != 21 {
		t.Errorf("there are %d apps", got)
	}
}

func TestOnlyWhatIsAskedForIsRotated(t *testing.T) {
	load := keeping(t)
	c := mustLoad(t, load)
	made, err := c.AddApp(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddApp(nil); err != nil {
		t.Fatal(err)
	}
	key := made.Keys[0]
	for _, change := range []struct {
		certificate bool
		keys        []string
	}{{true, nil}, {false, []string{key.Key}}, {true, []string{key.Key}}, {false, nil}} {
		before := mustLoad(t, load).RTM.Apps
		app, err := c.RotateApp(made.ID, change.certificate, change.keys)
		if err != nil {
			t.Fatal(err)
		}
		if changed := app.Certificate != before[1].Certificate; changed != change.certificate {
			t.Errorf("%+v: the certificate changed: %v", change, changed)
		}
		if changed := app.Keys[0].Secret != before[1].Keys[0].Secret; changed != (change.keys != nil) || app.Keys[0].Key != key.Key {
			t.Errorf("%+v: the secret changed: %v", change, changed)
		}
		before[1] = app
		if after := mustLoad(t, load).RTM.Apps; !reflect.DeepEqual(after, before) {
			t.Errorf("%+v: got\n%+v\nwant\n%+v", change, after, before)
		}
	}
	for id, words := range map[string]string{thirtyTwo("A"): "no command has made it", "nosuchapp": "no command has made it"} {
		if _, err := c.RotateApp(id, true, nil); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", id, err)
		}
	}
	before := mustLoad(t, load)
	if _, err := c.RotateApp(made.ID, true, []string{"nosuchkey"}); err == nil || !strings.Contains(err.Error(), key.Key) {
		t.Errorf("no such key: %v", err)
	}
	if after := mustLoad(t, load); !reflect.DeepEqual(after, before) {
		t.Error("what failed has changed something")
	}
}

func TestMistakesInKeptAppsAreToldWithTheirFile(t *testing.T) {
	load := keeping(t)
	c := mustLoad(t, load)
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := c.KeptAppsFile()
	for text, want := range map[string][]string{
		"- app_id: " + thirtyTwo("A") + "\n  namespace: n_\n": {path + ":1: rtm.apps[1].app_id: is that of rtm.apps[0].app_id too"},
		"# edited\n- app_id: x\n  certifcate: y\n": {path + ":2: rtm.apps[1].app_id: want 32",
			path + `:3: unknown key "rtm.apps[1].certifcate"`},
		"- app_id: " + thirtyTwo("B") + "\n  namespace: own\n  Kept: true\n": {path + ":2: rtm.apps[1].namespace: overlaps", path + ":3: unknown key"},
		"- \"-\": true\n  app_id: " + thirtyTwo("B") + "\n":                  {path + ":1: unknown key"},
		"- app_id: [\n":      {path + ":1: not valid YAML"},
		"app_id: x\n":        {path + ": rtm.apps: want a list"},
		"- app_id: secret\n": {path + ":1: rtm.apps[1].app_id: want 32"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := load()
		t.Run(text, func(t *testing.T) { checkLines(t, err, want) })
		if _, err := c.WithKeptApps(); err == nil {
			t.Errorf("%q is taken later on", text)
		}
		if _, err := c.AddApp(nil); err == nil {
			t.Errorf("%q is added to", text)
		}
	}
	for _, text := range []string{"", "# none\n", "[]\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := mustLoad(t, load); !reflect.DeepEqual(got, c) {
			t.Errorf("%q gives %+v", text, got.RTM)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := load()
	checkLines(t, err, []string{path + ": the RTM apps cannot be read: is a directory"})
}

func TestWhatIsWrittenIsReadTheSame(t *testing.T) {
	empty := ""
	odd := "1e5 \"quoted\" \\ # : {}[]\t\n\r\x00\x01\x7f é € 😀 \u2028 \u0085 'x' *a &b !c"
	want := []RTMApp{
		{ID: "00000000000000000000000000000001", Certificate: odd, Namespace: &empty, Keys: []RTMKey{{Key: odd, Secret: odd}, {Key: "true", Secret: "~"}}},
		{ID: "1234567890123e456789012345678901", Namespace: &odd},
		{},
	}
	var got []RTMApp
	found := newMistakes("")
	text := encode(reflect.ValueOf(want), "")
	decode([]byte(text), &got, "", found)
	if err := found.err(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v:\n%s\nis read as\n%+v", err, text, got)
	}
	var c Config
	decode([]byte(encode(reflect.ValueOf(Default()), "")), &c, "", found)
	if err := found.err(); err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("%v: the defaults are read as\n%+v", err, c)
	}
}

func TestThePlaygroundHasKeptAppsToo(t *testing.T) {
	folder := t.TempDir()
	c, err := Playground(folder)
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.AddApp(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Playground(folder)
	if err != nil || !reflect.DeepEqual(again.RTM.Apps, append(c.RTM.Apps, made)) {
		t.Errorf("got %+v, %v", again.RTM.Apps, err)
	}
}
