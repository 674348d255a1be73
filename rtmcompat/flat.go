package rtmcompat

import (
	"bytes"
	"encoding/json"
)

// readFlat reads an object of booleans and of strings in which nothing is escaped, as most
// bodies are, at a fraction of what it costs to read JSON. Of any other it says that it is
// none. The body is UTF-8, and the object refers to it.
func readFlat(body []byte) (o object, ok bool) {
	r := flatReader{body}
	if !r.mark('{') {
		return nil, false
	}
	o = make(object, 4)
	for {
		key, ok := r.text()
		if !ok || !r.mark(':') {
			return nil, false
		}
		value, ok := r.value()
		if !ok {
			return nil, false
		}
		o[string(key[1:len(key)-1])] = json.RawMessage(value)
		switch {
		case r.mark(','):
		case r.mark('}'):
			r.space()
			return o, len(r.rest) == 0
		default:
			return nil, false
		}
	}
}

// A flatReader takes JSON apart from its beginning.
type flatReader struct{ rest []byte }

func (r *flatReader) space() { r.rest = bytes.TrimLeft(r.rest, " \t\r\n") }

// mark takes a mark, if it is next.
func (r *flatReader) mark(c byte) bool {
	r.space()
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// text takes a string in which nothing is escaped, with its quotation marks.
func (r *flatReader) text() (raw []byte, ok bool) {
	r.space()
	if len(r.rest) == 0 || r.rest[0] != '"' {
		return nil, false
	}
	for i, c := range r.rest[1:] {
		switch {
		case c == '"':
			raw, r.rest = r.rest[:i+2], r.rest[i+2:]
			return raw, true
		case c < ' ', c == '\\':
			return nil, false
		}
	}
	return nil, false
}

// value takes such a string, or a boolean.
func (r *flatReader) value() (raw []byte, ok bool) {
	r.space()
	for _, word := range []string{"true", "false"} {
		if rest, is := bytes.CutPrefix(r.rest, []byte(word)); is {
			raw, r.rest = r.rest[:len(word)], rest
			return raw, true
		}
	}
	return r.text()
}
