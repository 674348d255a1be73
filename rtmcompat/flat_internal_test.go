package rtmcompat

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// What is read the short way means what it means as JSON, and all that the programs of
// users send is.
func FuzzFlat(f *testing.F) {
	for _, body := range []string{
		`{"destination":"bob","payload":"hello"}`,
		"{ \"a\" : true,\n\"b\":\tfalse , \"a\":\"ä\" }\r\n",
	} {
		if _, ok := readFlat([]byte(body)); !ok {
			f.Errorf("%s is not read the short way", body)
		}
		f.Add([]byte(body))
	}
	for _, body := range []string{`{}`, `null`, `{"a":1}`, `{"a":"\n"}`, `{"a":"b"}}`, `{"a":"b",}`, `{"a":truefalse}`, "{\"a\":\"\x00\"}", `{"a":"b`, `{"a" "b"}`} {
		if o, ok := readFlat([]byte(body)); ok {
			f.Errorf("%s is read as %s", body, o)
		}
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, ok := readFlat(body)
		if !ok || !utf8.Valid(body) {
			return
		}
		var want object
		if err := json.Unmarshal(body, &want); err != nil || !reflect.DeepEqual(o, want) {
			t.Fatalf("%q is read as %s, want %s (%v)", body, o, want, err)
		}
	})
}
