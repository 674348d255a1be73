package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// vectors is the part of the specification's appendix that concerns the signing of
// JSON, in testdata.
type vectors struct {
	Seed       string
	ServerName string
	KeyID      string
	Cases      []struct{ Object, Signed json.RawMessage }
}

func loadVectors(t *testing.T) (v vectors, key Key) {
	t.Helper()
	content, err := os.ReadFile("testdata/signing-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	seed, err := base64.RawStdEncoding.DecodeString(v.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return v, newKey(strings.TrimPrefix(v.KeyID, "ed25519:"), ed25519.NewKeyFromSeed(seed))
}

func TestSigningFollowsTheSpecification(t *testing.T) {
	v, key := loadVectors(t)
	if len(v.Cases) != 2 {
		t.Fatalf("%d vectors, want 2", len(v.Cases))
	}
	for _, c := range v.Cases {
		var want bytes.Buffer
		if err := json.Compact(&want, c.Signed); err != nil {
			t.Fatal(err)
		}
		got, err := SignObject(c.Object, "domain", key)
		if err != nil || string(got) != want.String() {
			t.Errorf("SignObject(%s) = %s, %v; want %s", c.Object, got, err, &want)
		}
		if err := VerifyObject(got, "domain", key.ID, key.Public()); err != nil {
			t.Errorf("VerifyObject(%s): %v", got, err)
		}
	}
}

func TestSignatureCoversAllButSignaturesAndUnsigned(t *testing.T) {
	_, key := loadVectors(t)
	signed, err := SignObject(json.RawMessage(`{"a\"b":-0.5,"n":1e3,"nested":{"unsigned":1}}`), "domain", key)
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string { return strings.Replace(string(signed), old, new, 1) }
	for _, c := range []struct {
		name, object string
		good         bool
	}{
		{"as signed", string(signed), true},
		{"in another order", change(`{"a\"b":-0.5,`, `{`)[:len(signed)-len(`"a\"b":-0.5,`)-1] + `, "a\u0022b" : -0.5 }`, true},
		{"unsigned added", change(`{"a`, `{"unsigned":{"age":1},"a`), true},
		{"another value", change(`-0.5`, `0.5`), false},
		{"a value added", change(`{"a`, `{"_":1,"a`), false},
		{"nested change", change(`"unsigned":1`, `"unsigned":2`), false},
		{"another signer", change(`"domain"`, `"demain"`), false},
		{"another key ID", change(`"ed25519:1"`, `"ed25519:2"`), false},
		{"no object", `[]`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := VerifyObject(json.RawMessage(c.object), "domain", key.ID, key.Public())
			if (err == nil) != c.good {
				t.Errorf("%s: %v", c.object, err)
			}
		})
	}
}

func TestContentIsCoveredExactlyIfThereIsABody(t *testing.T) {
	target := Request{Method: "PUT", URI: "/a?b=<&>", Origin: "a.test", Destination: "b.test"}
	const rest = `"destination":"b.test","method":"PUT","origin":"a.test","uri":"/a?b=<&>"}`
	for _, c := range []struct{ body, want string }{
		{"", `{` + rest},
		{`{}`, `{"content":{},` + rest},
		{` { "b" : 1.50 , "a\u0022" : 12345678901234567890 } `, `{"content":{"a\"":12345678901234567890,"b":1.50},` + rest},
		{`null`, `{"content":null,` + rest},
	} {
		var body json.RawMessage
		if c.body != "" {
			body = json.RawMessage(c.body)
		}
		got, err := target.Message(body)
		if err != nil || string(got) != c.want {
			t.Errorf("message(%s) = %s, %v; want %s", c.body, got, err, c.want)
		}
	}
}

func TestSignatureJoinsThoseThatAreThere(t *testing.T) {
	_, key := loadVectors(t)
	other := newKey("2", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize)))
	signed := json.RawMessage(`{"n":1,"unsigned":{"age":1}}`)
	var err error
	for _, signer := range []struct {
		name spec.ServerName
		key  Key
	}{{"origin", key}, {"notary", key}, {"notary", other}, {"notary", other}} {
		if signed, err = SignObject(signed, signer.name, signer.key); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		VerifyObject(signed, "origin", key.ID, key.Public()),
		VerifyObject(signed, "notary", key.ID, key.Public()),
		VerifyObject(signed, "notary", other.ID, other.Public()),
	} {
		if err != nil {
			t.Errorf("%s: %v", signed, err)
		}
	}
	for _, spoiled := range []string{`{"signatures":[]}`, `{"signatures":null}`, `{"signatures":{"a":"b"}}`} {
		if got, err := SignObject(json.RawMessage(spoiled), "notary", key); err == nil {
			t.Errorf("%s is signed as %s", spoiled, got)
		}
	}
}
