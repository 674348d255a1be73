package rawjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// A Member is one of an object's.
type Member struct {
	Name  string
	Value json.RawMessage // as it was written
}

// Members gives the members of an object by the order of their names, and tells whether
// it is an object; of equal names the last one written counts. It relies on raw being
// valid JSON, and looks at each byte about once: whoever has read a request's body and
// found it valid need not pay for that again at each level.
func Members(raw json.RawMessage) (members []Member, ok bool) {
	at := space(raw, 0)
	if at == len(raw) || raw[at] != '{' {
		return nil, false
	}
	members = make([]Member, 0, 1)
	for at = space(raw, at+1); raw[at] != '}'; at = space(raw, at) {
		if raw[at] == ',' {
			at = space(raw, at+1)
		}
		begin := at
		at = stringEnd(raw, at)
		name := unquote(raw[begin:at])
		begin = space(raw, space(raw, at)+1) // behind the colon
		at = valueEnd(raw, begin)
		members = append(members, Member{name, raw[begin:at:at]})
	}
	if len(members) > 1 {
		members = inOrder(members)
	}
	return members, true
}

// inOrder sorts members by name, and keeps the last of those that share one.
func inOrder(members []Member) []Member {
	slices.SortStableFunc(members, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	kept := members[:0]
	for i, m := range members {
		if i+1 == len(members) || members[i+1].Name != m.Name {
			kept = append(kept, m)
		}
	}
	return kept
}

func space(raw []byte, at int) int {
	for at < len(raw) && raw[at] <= ' ' {
		at++
	}
	return at
}

// valueEnd gives where the value that begins at a place ends.
func valueEnd(raw []byte, at int) int {
	switch raw[at] {
	case '"':
		return stringEnd(raw, at)
	case '{', '[':
		return nestedEnd(raw, at)
	}
	for at < len(raw) && raw[at] > ' ' && raw[at] != ',' && raw[at] != '}' && raw[at] != ']' {
		at++
	}
	return at
}

func nestedEnd(raw []byte, at int) int {
	for depth := 0; ; at++ {
		switch raw[at] {
		case '"':
			at = stringEnd(raw, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
}

// stringEnd gives where the string that begins at a place ends, its quotes included.
func stringEnd(raw []byte, at int) int {
	for at++; ; {
		text := raw[at : at+bytes.IndexByte(raw[at:], '"')]
		at += len(text) + 1
		if escapes := len(text) - len(bytes.TrimRight(text, `\`)); escapes%2 == 0 {
			return at
		}
	}
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
