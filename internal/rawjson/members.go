package rawjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
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
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	members = make([]Member, 0, 1)
	for at := next(raw, 1); raw[at] != '}'; {
		name, value, end := memberAt(raw, at)
		members = append(members, Member{unquote(name), value})
		at = next(raw, end)
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
