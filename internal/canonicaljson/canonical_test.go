package canonicaljson

import (
	"bytes"
	"strings"
	"testing"
)

func TestCanonicalFormIsNotWrittenAgain(t *testing.T) {
	for _, c := range []struct {
		in   string
		same bool
	}{
		{`{}`, true},
		{`{"a":[1,-20,0,true,false,null],"b":{"\"":""},"é":"日 \" \\ \n"}`, false}, // an escape in a name
		{`{"a":[1,-20,0,true,false,null],"b":{"":""},"é":"日 \" \\ \n/<&"}`, true},
		{`{"b":1,"a":2}`, false},
		{`{"a":1,"a":2}`, false},
		{`{"":1,"":2}`, false},
		{`{"a": 1}`, false},
		{` {}`, false},
		{`[1.5]`, false},
		{`"\u00e9"`, false},
		{`"\/"`, false},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), true},
		{strings.Repeat("[", 1000) + strings.Repeat("]", 1000), false},
	} {
		in := []byte(c.in)
		out, err := Canonical(in)
		if err != nil || (&out[0] == &in[0]) != c.same {
			t.Errorf("%.60s: %v, %.60s", c.in, err, out)
		}
	}
}

// FuzzCanonical: what is given back as it came is what the encoder would have written.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"\n"}],"c":-0}`, `{"a":1,"a":2}`, `[01]`, `{"a":}`, `{,}`, "\"\x01\"", "\"\xff\"", `[1,]`, `1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want, wantErr := Encode(in)
		got, err := Canonical(in)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Fatalf("Canonical(%q) = %q, %v; want %q, %v", in, got, err, want, wantErr)
		}
	})
}
