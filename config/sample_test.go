package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const sampleFile = "../config.yaml"

func TestSampleStatesTheDefaults(t *testing.T) {
	c, err := Load(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("the sample gives\n%+v\nand the defaults are\n%+v", c, Default())
	}
}

// behindHash finds a key that is commented out: prose has one space after its #.
var behindHash = regexp.MustCompile(`(?m)^( *)#(  +\S|[^ \n])`)

// uncommentedSample is the sample with its examples in effect, and values in the
// places where it asks for a secret.
func uncommentedSample(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	sample := behindHash.ReplaceAllString(string(text), "$1$2")
	sample = strings.Replace(sample, `"<32 random letters and digits>"`, strings.Repeat("c", 32), 1)
	return []byte(strings.Replace(sample, `secret: ""`, `secret: "a secret, long and random"`, 3))
}

func TestSampleListsEveryKey(t *testing.T) {
	var c Config
	found := newMistakes(sampleFile)
	decode(uncommentedSample(t), &c, "", found)
	if err := found.err(); err != nil {
		t.Fatal(err)
	}
	for _, path := range keyPaths(reflect.TypeFor[Config](), "") {
		if path = strings.ReplaceAll(path, "[]", "[0]"); !found.states(path) {
			t.Errorf("%s is missing from the sample", path)
		}
	}
}

func TestExamplesOfTheSampleAreValid(t *testing.T) {
	c, err := Parse(uncommentedSample(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.ServerName != "example.org" || len(c.Federation.Hosts) != 1 || len(c.RTM.Apps) != 1 {
		t.Errorf("an example is not in effect: %+v", c)
	}
	if prefix := c.RTM.Apps[0].UserPrefix(); prefix != "rtm_demo_" {
		t.Errorf("user prefix %q, want rtm_demo_", prefix)
	}
}

// An operator who uncomments the app and leaves the placeholders must not run with
// secrets that everyone can read in the sample.
func TestPlaceholdersOfTheSampleAreRefused(t *testing.T) {
	text, err := os.ReadFile(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(behindHash.ReplaceAll(text, []byte("$1$2")))
	for _, path := range []string{"rtm.apps[0].certificate: ", "rtm.apps[0].keys[0].secret: ", "rtm.apps[0].webhooks[0].secret: "} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("no mistake at %s in: %v", path, err)
		}
	}
}
