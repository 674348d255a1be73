package canonicaljson

import (
	"cmp"
	"slices"
	"strings"
)

// An object stands in a text from begin, its first brace, to end.
type object struct {
	begin, end int
	members    []member
}

// A member is one "key":value of an object, from begin to end of the text.
type member struct {
	key        string // unescaped: what members are sorted by
	begin, end int
}

// arrange gives the text with the members of these objects in the order of their
// keys. Of equal keys the last one stays. Each byte is copied once, however deep it
// is nested.
func arrange(text []byte, objects []object) []byte {
	if len(objects) == 0 {
		return text
	}
	slices.SortFunc(objects, func(a, b object) int { return cmp.Compare(a.begin, b.begin) })
	for _, o := range objects {
		slices.SortStableFunc(o.members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	}
	a := arranger{text: text, objects: objects, out: make([]byte, 0, len(text))}
	a.copy(0, len(text))
	return a.out
}

type arranger struct {
	text    []byte
	objects []object // in the order of begin, so each before those inside it
	out     []byte
}

// copy copies the text from begin to end, and in order what of it must be.
func (a *arranger) copy(begin, end int) {
	for begin < end {
		next, _ := slices.BinarySearchFunc(a.objects, begin, func(o object, at int) int { return cmp.Compare(o.begin, at) })
		if next == len(a.objects) || a.objects[next].begin >= end {
			break
		}
		o := a.objects[next]
		a.out = append(a.out, a.text[begin:o.begin]...)
		a.members(o)
		begin = o.end
	}
	a.out = append(a.out, a.text[begin:end]...)
}

func (a *arranger) members(o object) {
	a.out = append(a.out, '{')
	first := true
	for i, m := range o.members {
		if i+1 < len(o.members) && o.members[i+1].key == m.key {
			continue // a later one with this key counts
		}
		if !first {
			a.out = append(a.out, ',')
		}
		first = false
		a.copy(m.begin, m.end)
	}
	a.out = append(a.out, '}')
}
