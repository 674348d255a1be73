package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPlaygroundIsOnLoopbackAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	c, err := Playground(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.reachable() || !c.Registration.Open || c.DataDir != dir || len(c.RTM.Apps) != 1 || len(c.Warnings()) > 0 {
		t.Errorf("not a playground: %+v", c)
	}
	app := c.RTM.Apps[0]
	if app.Certificate == "" || len(app.Keys) != 1 || app.Keys[0].Secret == "" {
		t.Errorf("the app is not complete: %+v", app)
	}
	c.RTM.Apps, c.Registration, c.DataDir = nil, Registration{}, Default().DataDir
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("the rest is not the default: %+v", c)
	}
}

func TestPlaygroundAppStaysOverRestarts(t *testing.T) {
	dir := t.TempDir()
	first, err := Playground(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Playground(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("got\n%+v\nafter\n%+v", second, first)
	}
	other, err := Playground(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.RTM.Apps[0], other.RTM.Apps[0]
	if a.ID == b.ID || a.Certificate == b.Certificate || a.Keys[0] == b.Keys[0] {
		t.Error("two playgrounds share a secret")
	}
}

func TestPlaygroundAppIsTheOwnersOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := Playground(dir); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "rtm-app.yaml" {
		t.Fatalf("the folder holds %v, %v", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

// The file says that it may be copied into a configuration.
func TestPlaygroundAppFitsIntoAConfiguration(t *testing.T) {
	dir := t.TempDir()
	playground, err := Playground(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "rtm-app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	entry := strings.ReplaceAll("\n"+string(text), "\n", "\n      ")
	c, err := Parse([]byte("rtm:\n  apps:\n    -" + entry))
	if err != nil || !reflect.DeepEqual(c.RTM, playground.RTM) {
		t.Errorf("got %+v, %v", c.RTM, err)
	}
}

func TestMistakesInThePlaygroundAppAreTold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rtm-app.yaml")
	if err := os.WriteFile(path, []byte("# edited\napp_id: x\ncertifcate: y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Playground(dir)
	checkLines(t, err, []string{path + ":2: rtm.apps[0].app_id: want", path + `:3: unknown key "rtm.apps[0].certifcate"; did you mean "rtm.apps[0].certificate"?`})
	if _, err := Playground(path); err == nil {
		t.Error("a file was taken for a folder")
	}
}
