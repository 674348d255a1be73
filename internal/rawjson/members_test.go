package rawjson_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/chappe-im/chappe/internal/rawjson"
)

// FuzzMembers holds Members against the reader of the standard library, whatever is
// written.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"b":{"}":["]"]},"a":"\"" , "c" : [ {} , 1 ] }`, `{"a":1,"\u0061":2}`, `{"a\\":"\\\\","b":"\\\""}`,
		`{"":null,"x":-1.5e3,"y":true}`, `[1]`, `null`, `"x"`, `1`, ` `, ``, `{`, "{\"\xff\":1}", `{"\ud800":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(raw, &want) == nil && want != nil
		members, ok := rawjson.Members(raw)
		if ok != isObject {
			t.Fatalf("%q: an object? %v", raw, ok)
		}
		got := make(map[string]json.RawMessage)
		var names []string
		for _, m := range members {
			got[m.Name] = m.Value
			names = append(names, m.Name)
		}
		if ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
		if ok && !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
			t.Errorf("%q: the order of names is %q", raw, names)
		}
	})
}
