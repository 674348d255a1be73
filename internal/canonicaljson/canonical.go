package canonicaljson

import (
	"bytes"
	"unicode/utf8"
)

// Canonical is [Encode], but gives the input itself where that is in
// canonical form already. Servers send each other what they sign in that form, and so a
// transaction is looked through once, and not written again.
func Canonical(raw []byte) ([]byte, error) {
	if utf8.Valid(raw) && canonical(raw) {
		return raw, nil
	}
	return Encode(raw)
}

// canonical tells whether a text is JSON in canonical form. It may take a text for one
// that is not: what is rare is left to the encoder.
func canonical(raw []byte) bool {
	c := checker{rest: raw}
	return c.value(0) && len(c.rest) == 0
}

// maxChecked is how deep a value may be nested that is checked.
const maxChecked = 128

// A checker takes from the rest of a text what is in canonical form. Its methods tell
// whether it was, and if not, it is of no more use.
type checker struct{ rest []byte }

func (c *checker) value(depth int) bool {
	if len(c.rest) == 0 || depth > maxChecked {
		return false
	}
	switch c.rest[0] {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case '"':
		_, ok := c.string()
		return ok
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	return c.integer()
}

func (c *checker) object(depth int) bool {
	c.rest = c.rest[1:]
	if c.word("}") {
		return true
	}
	var before []byte
	for first := true; ; first = false {
		name, ok := c.string()
		if !ok || bytes.IndexByte(name, '\\') >= 0 || !first && bytes.Compare(before, name) >= 0 {
			return false
		}
		before = name
		if !c.word(":") || !c.value(depth+1) {
			return false
		}
		if !c.word(",") {
			return c.word("}")
		}
	}
}

func (c *checker) array(depth int) bool {
	c.rest = c.rest[1:]
	if c.word("]") {
		return true
	}
	for {
		if !c.value(depth + 1) {
			return false
		}
		if !c.word(",") {
			return c.word("]")
		}
	}
}

// string gives what is between the quotes.
func (c *checker) string() (inside []byte, ok bool) {
	if !c.word(`"`) {
		return nil, false
	}
	for i := 0; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			inside, c.rest = c.rest[:i], c.rest[i+1:]
			return inside, true
		case b < ' ':
			return nil, false
		case b == '\\':
			if i++; i == len(c.rest) || bytes.IndexByte([]byte(`"\bfnrt`), c.rest[i]) < 0 {
				return nil, false // \u is not always canonical, and rare
			}
		}
	}
	return nil, false
}

// integer takes an integer of JSON.
func (c *checker) integer() bool {
	c.word("-")
	if c.word("0") {
		return true
	}
	digits := 0
	for digits < len(c.rest) && '0' <= c.rest[digits] && c.rest[digits] <= '9' {
		digits++
	}
	c.rest = c.rest[digits:]
	return digits > 0
}

// word takes a word, and leaves the rest as it is if it does not begin with that.
func (c *checker) word(word string) (ok bool) {
	if len(c.rest) < len(word) || string(c.rest[:len(word)]) != word {
		return false
	}
	c.rest = c.rest[len(word):]
	return true
}
