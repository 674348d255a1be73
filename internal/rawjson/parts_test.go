package rawjson

import (
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzParts holds what reads parts of valid JSON without a check to what the reader of
// encoding/json finds in them: it must not be possible to sign one thing and have
// another read.
func FuzzParts(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `""`, `null`, `-1.5e3`, `"\\\""`, `{"a":1,"\u0061":[2,"]"],"b":{"c":{}}}`,
		"\t{ \"a\" : [ 1 , true ,\r\n null ] , \"b}\" : \"{\\\"\" }", `["\\",[[],{}],"\ud800"]`, `{"":{"":""}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !utf8.Valid(raw) || !json.Valid(raw) {
			return // refused before
		}
		compareParts(t, part(t, raw))
	})
}

// part gives a value as it stands in what is around it.
func part(t *testing.T, raw []byte) json.RawMessage {
	items, ok := Items(json.RawMessage("["+string(raw)+"]"), 1)
	if !ok || len(items) != 1 {
		t.Fatalf("[%q] is %d items", raw, len(items))
	}
	return items[0]
}

func TestItemsStopBehindTheLimit(t *testing.T) {
	for raw, want := range map[string]int{`[]`: 0, `[1]`: 1, `[1,2]`: 2, `[1,2,3]`: 3, `[1,2,3,4]`: 3, `[1,2,[3],{"4":5},6]`: 3} {
		if items, ok := Items(json.RawMessage(raw), 2); !ok || len(items) != want {
			t.Errorf("of %s %d items are given, want %d", raw, len(items), want)
		}
	}
}

func compareParts(t *testing.T, raw json.RawMessage) {
	var wantText *string
	isText := json.Unmarshal(raw, &wantText) == nil && wantText != nil
	if got, ok := String(raw); ok != isText || ok && got != *wantText {
		t.Fatalf("String(%q) = %q, %v", raw, got, ok)
	}
	var wantList []json.RawMessage
	isList := json.Unmarshal(raw, &wantList) == nil && wantList != nil
	gotList, ok := Items(raw, len(raw))
	if ok != isList || !slices.EqualFunc(gotList, wantList, same) {
		t.Fatalf("Items(%q) = %q, %v; want %q, %v", raw, gotList, ok, wantList, isList)
	}
	var want map[string]json.RawMessage
	isObject := json.Unmarshal(raw, &want) == nil && want != nil
	if _, ok := Pick(raw); ok != isObject {
		t.Fatalf("%q: an object? %v", raw, ok)
	}
	for name, value := range want {
		picked, ok := Pick(raw, "none", name)
		_, hasNone := want["none"]
		if !ok || !same(picked[1], value) || (picked[0] != nil) != hasNone {
			t.Fatalf("Pick(%q, %q) = %q, %v; want %q", raw, name, picked, ok, value)
		}
	}
	for _, inside := range gotList {
		compareParts(t, inside)
	}
	for _, inside := range want {
		compareParts(t, inside)
	}
}

func same(a, b json.RawMessage) bool { return string(a) == string(b) }
