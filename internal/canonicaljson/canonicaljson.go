// Package canonicaljson writes JSON in the one form that Matrix signs, and tells
// whether a value has such a form at all.
//
// It stands here because the one in gomatrixserverlib writes object keys without
// their escapes ({"a\"b":1} comes out as no JSON at all), drops the sign of -0.5
// and loses unpaired surrogates: a message with such a key would be signed
// wrongly, and stop the queue to its server for good.
//
// https://spec.matrix.org/v1.15/appendices/#canonical-json
package canonicaljson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// What keeps a value from having a canonical form.
var (
	ErrNumber    = errors.New("a number is not an integer within ±(2^53-1)")
	ErrSurrogate = errors.New("a string has an unpaired surrogate")
	ErrDepth     = errors.New("it is nested too deep")
)

// MaxDepth is how deep a value may be nested. Readers have limits of their own, and
// one that gives up on a value gives up on all that came with it: Python's is about
// 1000 levels, Go's 10,000, both around the value included.
const MaxDepth = 100

// Encode gives the canonical form of a JSON value. Numbers that canonical JSON
// forbids are left as they are written, since other servers sign those, too; see
// [Strict]. Of equal keys in one object the last one counts.
// The input must be valid JSON in valid UTF-8.
func Encode(raw []byte) ([]byte, error) {
	return (&encoder{in: raw}).encode()
}

// Strict is Encode, but fails with ErrNumber where canonical JSON forbids a number,
// and with ErrDepth where others could not read the value.
func Strict(raw []byte) ([]byte, error) {
	if TooDeep(raw) {
		return nil, fmt.Errorf("canonical JSON: %w", ErrDepth)
	}
	return (&encoder{in: raw, strict: true}).encode()
}

// Check fails where Strict does, and writes nothing. It relies on raw being valid JSON in
// valid UTF-8.
func Check(raw []byte) error {
	if err := (&encoder{in: raw}).check(); err != nil {
		return fmt.Errorf("canonical JSON: %w", err)
	}
	return nil
}

// An encoder reads in from pos and appends the canonical form to out, but for the
// order of object members: of the objects that must be put in order it takes note,
// and arrange does it for all of them at once. (To do it for each as it ends would
// copy what is nested once for each level around it.) It relies on in being valid
// JSON and checks no grammar.
type encoder struct {
	in     []byte
	pos    int
	out    []byte
	strict bool // numbers must be canonical
	// unordered are the objects of out that are not in canonical order.
	unordered []object
}

// encode gives the canonical form of all of in.
func (e *encoder) encode() ([]byte, error) {
	if !utf8.Valid(e.in) || !json.Valid(e.in) {
		return nil, errors.New("canonical JSON: the input is not JSON")
	}
	e.out = make([]byte, 0, len(e.in))
	if err := e.value(); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return arrange(e.out, e.unordered), nil
}

func (e *encoder) value() error {
	e.space()
	switch e.in[e.pos] {
	case '{':
		return e.object()
	case '[':
		return e.array()
	case '"':
		return e.string()
	default:
		return e.literal()
	}
}

func (e *encoder) space() {
	for e.pos < len(e.in) && e.in[e.pos] <= ' ' {
		e.pos++
	}
}

func (e *encoder) object() error {
	e.pos++ // {
	written := object{begin: len(e.out)}
	e.out = append(e.out, '{')
	ordered := true
	for e.space(); e.in[e.pos] != '}'; e.space() {
		if e.in[e.pos] == ',' {
			e.pos++
			e.out = append(e.out, ',')
			e.space()
		}
		m, err := e.member()
		if err != nil {
			return err
		}
		if n := len(written.members); n > 0 && written.members[n-1].key >= m.key {
			ordered = false
		}
		written.members = append(written.members, m)
	}
	e.pos++ // }
	e.out = append(e.out, '}')
	if !ordered {
		written.end = len(e.out)
		e.unordered = append(e.unordered, written)
	}
	return nil
}

func (e *encoder) member() (m member, err error) {
	m.begin = len(e.out)
	if err := e.string(); err != nil {
		return m, err
	}
	m.key = unescape(e.out[m.begin:])
	e.space()
	e.pos++ // :
	e.out = append(e.out, ':')
	err = e.value()
	m.end = len(e.out)
	return m, err
}

func (e *encoder) array() error {
	e.pos++ // [
	e.out = append(e.out, '[')
	for e.space(); e.in[e.pos] != ']'; e.space() {
		if e.in[e.pos] == ',' {
			e.pos++
			e.out = append(e.out, ',')
		}
		if err := e.value(); err != nil {
			return err
		}
	}
	e.pos++ // ]
	e.out = append(e.out, ']')
	return nil
}

// literal copies a number, true, false or null.
func (e *encoder) literal() error {
	word := e.word()
	if c := word[0]; e.strict && (c == '-' || '0' <= c && c <= '9') && !canonicalNumber(word) {
		return ErrNumber
	}
	e.out = append(e.out, word...)
	return nil
}

// check passes over everything that is written.
func (e *encoder) check() error {
	for depth := 0; e.pos < len(e.in); {
		switch c := e.in[e.pos]; {
		case c == '"':
			if err := e.checkString(); err != nil {
				return err
			}
			continue
		case c == '-' || '0' <= c && c <= '9':
			if !canonicalNumber(e.word()) {
				return ErrNumber
			}
			continue
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return ErrDepth
			}
		case c == '}' || c == ']':
			depth--
		}
		e.pos++
	}
	return nil
}

func (e *encoder) checkString() error {
	quote := 0 // the next one; looked for again only once it is behind
	for e.pos++; ; {
		if quote < e.pos {
			quote = e.pos + bytes.IndexByte(e.in[e.pos:], '"')
		}
		escape := bytes.IndexByte(e.in[e.pos:quote], '\\')
		if escape < 0 {
			e.pos = quote + 1
			return nil
		}
		e.pos += escape
		if _, err := e.escape(); err != nil {
			return err
		}
	}
}

// word passes over a number, true, false or null, and gives it.
func (e *encoder) word() []byte {
	start := e.pos
	for e.pos < len(e.in) {
		switch e.in[e.pos] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return e.in[start:e.pos]
		}
		e.pos++
	}
	return e.in[start:]
}

func canonicalNumber(word []byte) bool {
	const limit = 1<<53 - 1
	n, err := strconv.ParseInt(string(word), 10, 64)
	return err == nil && -limit <= n && n <= limit && string(word) != "-0"
}

// string copies a string with each character in its shortest form.
func (e *encoder) string() error {
	e.out = append(e.out, '"')
	e.pos++
	for {
		run := bytes.IndexAny(e.in[e.pos:], `"\`)
		e.out = append(e.out, e.in[e.pos:e.pos+run]...)
		e.pos += run
		if e.in[e.pos] == '"' {
			e.pos++
			e.out = append(e.out, '"')
			return nil
		}
		r, err := e.escape()
		if err != nil {
			return err
		}
		e.out = appendRune(e.out, r)
	}
}

// escape reads one escape sequence, or the two of a surrogate pair.
func (e *encoder) escape() (rune, error) {
	c := e.in[e.pos+1]
	e.pos += 2
	if c != 'u' {
		return simpleEscapes[c], nil
	}
	r := e.hex()
	if r < 0xd800 || r > 0xdfff {
		return r, nil
	}
	if r < 0xdc00 && bytes.HasPrefix(e.in[e.pos:], []byte(`\u`)) {
		e.pos += 2
		if low := e.hex(); 0xdc00 <= low && low <= 0xdfff {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, nil
		}
	}
	return 0, ErrSurrogate
}

func (e *encoder) hex() rune {
	n, _ := strconv.ParseUint(string(e.in[e.pos:e.pos+4]), 16, 16) // valid JSON has four digits here
	e.pos += 4
	return rune(n)
}

var simpleEscapes = [256]rune{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func appendRune(out []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(out, '\\', byte(r))
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	if r < ' ' {
		return fmt.Appendf(out, `\u%04x`, r)
	}
	return utf8.AppendRune(out, r)
}

// unescape gives the text of a string that is written in its canonical form.
func unescape(quoted []byte) string {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var plain string
	_ = json.Unmarshal(quoted, &plain) // written by string(), so it is valid
	return plain
}
