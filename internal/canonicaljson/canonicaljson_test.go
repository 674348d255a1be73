package canonicaljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// The first rows are the examples of the specification's appendix.
func TestEncodeFollowsTheSpecification(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{}`, `{}`},
		{"{\n  \"one\": 1,\n  \"two\": \"Two\"\n}", `{"one":1,"two":"Two"}`},
		{`{"b": "2", "a": "1"}`, `{"a":"1","b":"2"}`},
		{`{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"medium":"email","address":"x"},{"medium":"msisdn","address":"1"}]}}}`,
			`{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"x","medium":"email"},{"address":"1","medium":"msisdn"}]},"success":true}}`},
		{`{"a": "日本語"}`, `{"a":"日本語"}`},
		{`{"本": 2, "日": 1}`, `{"日":1,"本":2}`},
		{`{"a": "\u65E5"}`, `{"a":"日"}`},
		{`{"a": null}`, `{"a":null}`},
		{`{"a\"b":1}`, `{"a\"b":1}`},
		{`{"a\\":1,"\u0001":2}`, `{"\u0001":2,"a\\":1}`},
		{`{"a":-0.5,"b":1E5}`, `{"a":-0.5,"b":1E5}`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`{"\u0061":1,"a":2,"b":3}`, `{"a":2,"b":3}`},
		{`"\u001f\b\f\n\r\t\/\u007f\u003c"`, `"\u001f\b\f\n\r\t/` + "\x7f" + `<"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`{"\ue000":1,"\ud83d\ude00":2}`, "{\"\ue000\":1,\"😀\":2}"},
		{` [ 1 , [ ] , { } , true ] `, `[1,[],{},true]`},
	} {
		got, err := Encode([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("Encode(%s) = %s, %v; want %s", c.in, got, err, c.want)
		}
	}
}

func TestStrictRefusesWhatCannotBeSigned(t *testing.T) {
	for _, c := range []struct {
		in   string
		size int
		want error
	}{
		{`{"a": 9007199254740991, "b": -9007199254740991}`, 44, nil},
		{`{"a": 9007199254740992}`, 0, ErrNumber},
		{`{"a": [{"b": -9007199254740992}]}`, 0, ErrNumber},
		{`{"a": 1.5}`, 0, ErrNumber},
		{`{"a": 1.0}`, 0, ErrNumber},
		{`{"a": 1e3}`, 0, ErrNumber},
		{`{"a": -0}`, 0, ErrNumber},
		{`{"a": 0}`, 7, nil},
		{`{"a": "\ud800"}`, 0, ErrSurrogate},
		{`{"a": "\udc00\ud800"}`, 0, ErrSurrogate},
		{`{"a": "\ud800\u0041"}`, 0, ErrSurrogate},
		{`{"\udfff": 1}`, 0, ErrSurrogate},
		{`{"a": "1.5 \ud83d\ude00"}`, 16, nil},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), 200, nil},
		{strings.Repeat("[", 101) + strings.Repeat("]", 101), 0, ErrDepth},
		{`[` + strings.Repeat(`[],{"a":[]},`, 100) + `"[[[\"{{{` + strings.Repeat("[", 200) + `"]`, 1412, nil},
	} {
		got, err := Strict([]byte(c.in))
		if len(got) != c.size || !errors.Is(err, c.want) {
			t.Errorf("Strict(%s) = %d bytes, %v; want %d, %v", c.in, len(got), err, c.size, c.want)
		}
	}
}

func TestNotJSONIsAnError(t *testing.T) {
	for _, in := range []string{"", "{", `{"a":}`, "\"\xff\"", "NaN", "1 2"} {
		if got, err := Encode([]byte(in)); err == nil {
			t.Errorf("Encode(%q) = %s, want an error", in, got)
		}
	}
}

// Who sends deeply nested objects must not make us copy them once for each level.
func TestNestingIsCopiedOnce(t *testing.T) {
	const depth = 9000
	in := []byte(strings.Repeat(`{"b":1,"a":`, depth) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat(`}`, depth))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := Encode(in)
	runtime.ReadMemStats(&after)
	if want := strings.Repeat(`{"a":`, depth) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat(`,"b":1}`, depth); err != nil || string(out) != want {
		t.Errorf("%v, %d bytes; want %d", err, len(out), len(want))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 32*uint64(len(in)) {
		t.Errorf("%d bytes were allocated for a text of %d", used, len(in))
	}
}

// FuzzEncode holds the encoder to what any canonical form must keep: it means the
// same, it is its own canonical form, and only unpaired surrogates have none.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"b":[1,{"a\"":"\u00e9\ud83d\ude00"}],"a":-0.5}`))
	f.Add([]byte(`{"a":1,"a":{}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := Encode(in)
		if err != nil {
			if utf8.Valid(in) && json.Valid(in) && !errors.Is(err, ErrSurrogate) {
				t.Fatalf("Encode(%q): %v", in, err)
			}
			return
		}
		var was, is any
		decode(t, in, &was)
		decode(t, out, &is)
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("Encode(%q) = %q means something else", in, out)
		}
		again, err := Encode(out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("Encode(%q) = %q, %v: not stable", out, again, err)
		}
	})
}

func decode(t *testing.T, raw []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("decode %q: %v", raw, err)
	}
}

// FuzzCheck holds Check to what Strict says of the same value.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `[1.0]`, `-0`, `9007199254740991`, `9007199254740992`, `"\ud83d\ude00"`, `"\ud83d"`, `"\\ud83d"`, `{"\udc00":1}`, `"1.5"`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), ` [ true , null , 1e3 ] `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) || !utf8.Valid(raw) {
			return
		}
		canonical, strict := Strict(raw)
		check := Check(raw)
		if (check == nil) != (strict == nil) {
			t.Fatalf("%q: Strict says %v, Check %v", raw, strict, check)
		}
		if strict == nil && len(canonical) > len(raw) {
			t.Errorf("%q is longer in its canonical form", raw)
		}
	})
}

// BenchmarkCheck measures what a content of 64 KiB costs that is to be passed on as it is:
// one of letters, and one of escapes.
func BenchmarkCheck(b *testing.B) {
	for name, text := range map[string]string{"letters": "nn", "escapes": `\n`, "quotes": `\"`} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(`{"a":"` + strings.Repeat(text, 32<<10) + `"}`)
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := Check(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
