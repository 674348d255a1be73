package rawjson

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// What is in this file and in members.go reads JSON that was found to be valid, as the
// body of a request is before anything is read of it. It checks no grammar again, at no
// level, and copies nothing but texts: what it gives are parts of the body.

// MaxPicked is how many members Pick finds at most.
const MaxPicked = 4

// Pick gives the values that an object has under these names, nil where it has none. It
// tells whether the part is an object. White space before it makes it none.
func Pick(raw json.RawMessage, names ...string) (values [MaxPicked]json.RawMessage, ok bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return values, false
	}
	for at := next(raw, 1); raw[at] != '}'; {
		name, value, end := memberAt(raw, at)
		for i := range names {
			if isText(name, names[i]) {
				values[i] = value
			}
		}
		at = next(raw, end)
	}
	return values, true
}

// Items gives the items of an array: all, or one more than so many, whatever follows. It
// tells whether the part is an array.
func Items(raw json.RawMessage, most int) (items []json.RawMessage, ok bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	items = []json.RawMessage{}
	for at := next(raw, 1); raw[at] != ']' && len(items) <= most; {
		end := valueEnd(raw, at)
		items = append(items, raw[at:end:end])
		at = next(raw, end)
	}
	return items, true
}

// String reads a string and tells whether the part is one.
func String(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return unquote(raw), true
}

// isText tells whether a part is a string of these letters.
func isText(raw json.RawMessage, want string) bool {
	if len(raw) == len(want)+2 && raw[0] == '"' && string(raw[1:len(raw)-1]) == want {
		return true
	}
	return bytes.IndexByte(raw, '\\') >= 0 && unquote(raw) == want
}

// memberAt gives the member that begins at a place, its name as a string in quotes, and
// where it ends.
func memberAt(raw []byte, at int) (name, value json.RawMessage, end int) {
	nameEnd := stringEnd(raw, at)
	begin := skipSpace(raw, skipSpace(raw, nameEnd)+1) // the colon
	end = valueEnd(raw, begin)
	return raw[at:nameEnd], raw[begin:end:end], end
}

// next gives where the next member or item begins, or the bracket that ends them.
func next(raw []byte, at int) int {
	at = skipSpace(raw, at)
	if raw[at] == ',' {
		at = skipSpace(raw, at+1)
	}
	return at
}

func skipSpace(raw []byte, at int) int {
	for raw[at] <= ' ' {
		at++
	}
	return at
}

// valueEnd gives where the value ends that begins at a place.
func valueEnd(raw []byte, at int) int {
	for depth := 0; ; {
		switch raw[at] {
		case '"':
			at = stringEnd(raw, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\r', '\n':
			at++
			continue // only between what is nested
		default:
			at = wordEnd(raw, at)
		}
		if depth == 0 {
			return at
		}
	}
}

// stringEnd gives where the string ends that begins at a place.
func stringEnd(raw []byte, at int) int {
	for {
		at++
		at += bytes.IndexByte(raw[at:], '"')
		escapes := 0
		for raw[at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at + 1
		}
	}
}

// wordEnd gives where a number, true, false or null ends.
func wordEnd(raw []byte, at int) int {
	for at < len(raw) {
		switch raw[at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return at
		}
		at++
	}
	return at
}

func unquote(quoted []byte) string {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text)
	}
	var plain string
	_ = json.Unmarshal(quoted, &plain) // it is a string
	return plain
}
