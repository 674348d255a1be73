package todevice_test

import (
	"encoding/json"
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestSignedPartTellsKeysApart(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		same       bool
	}{
		{"other signatures", `{"key":"k","signatures":{"@a:b":{"x":"1"}}}`, `{"signatures":{"@a:b":{"x":"2"}},"key":"k"}`, true},
		{"spaces and escapes", `{"key":"k"}`, `{ "key" : "\u006b" }`, true},
		{"other keys", `{"key":"k"}`, `{"key":"l"}`, false},
		{"more members", `{"key":"k"}`, `{"key":"k","fallback":true}`, false},
		{"large numbers", `{"n":9007199254740992}`, `{"n":9007199254740993}`, false},
		{"strings", `"k"`, `"k"`, true},
		{"other strings", `"k"`, `"l"`, false},
	} {
		a, errA := todevice.SignedPart(json.RawMessage(c.a))
		b, errB := todevice.SignedPart(json.RawMessage(c.b))
		if errA != nil || errB != nil || (string(a) == string(b)) != c.same {
			t.Errorf("%s: %s and %s (%v, %v)", c.name, a, b, errA, errB)
		}
	}
}

func TestSignaturesAreThoseThatMayBeSeen(t *testing.T) {
	added := todevice.Signatures{"@a:x": {"ed25519:2": json.RawMessage(`"s2"`)}, "@c:x": {"ed25519:3": json.RawMessage(`"s3"`)}}
	for _, c := range []struct {
		object string
		added  todevice.Signatures
		want   string
	}{
		{`{ "k": 9007199254740993, "signatures": {"@a:x": {"ed25519:1": "s1"}} }`, nil, `{ "k": 9007199254740993, "signatures": {"@a:x": {"ed25519:1": "s1"}} }`},
		{`{"signatures":{"@a:x":{"ed25519:1":"s1"},"@b:x":{"ed25519:1":"s"}}}`, nil, `{"signatures":{"@a:x":{"ed25519:1":"s1"}}}`},
		{`{"signatures":{"@a:x":{"ed25519:1":"s1"}}}`, added, `{"signatures":{"@a:x":{"ed25519:1":"s1","ed25519:2":"s2"}}}`},
		{`{"k":1}`, nil, `{"k":1,"signatures":{}}`},
		{`{"k":1,"signatures":{"@a:x":[]}}`, nil, `{"k":1,"signatures":{}}`},
		{`{"k":1,"signatures":[]}`, added, `{"k":1,"signatures":{"@a:x":{"ed25519:2":"s2"}}}`},
	} {
		got, err := todevice.WithSignatures(json.RawMessage(c.object), c.added, func(signer string) bool { return signer == "@a:x" })
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.object, got, err, c.want)
		}
	}
}

func TestDeviceNameStandsUnderUnsigned(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"", `{"n":9007199254740993}`},
		{`Bob's "phone"`, `{"n":9007199254740993,"unsigned":{"device_display_name":"Bob's \"phone\""}}`},
	} {
		d := todevice.DeviceKeys{DisplayName: c.name, Keys: json.RawMessage(`{"n":9007199254740993}`)}
		if got, err := d.Object(); err != nil || string(got) != c.want {
			t.Errorf("got %s %v, want %s", got, err, c.want)
		}
	}
}

func TestPublicKeyIsTheOneThatIsMeant(t *testing.T) {
	for _, c := range []struct{ key, want string }{
		{`{"keys":{"ed25519:a+/b":"a+/b"},"Keys":{"ed25519:c":"c"}}`, "a+/b"},
		{`{"KEYS":{"ed25519:c":"c"}}`, ""},
		{`{"keys":[]}`, ""},
		{`[]`, ""},
	} {
		if got := todevice.PublicKey(json.RawMessage(c.key)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.key, got, c.want)
		}
	}
}
