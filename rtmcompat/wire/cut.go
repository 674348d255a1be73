package wire

import (
	"bytes"
	"unicode/utf8"
)

// cut reads a frame in the form in which the SDK writes it and in which nothing is escaped
// but quotation marks and backslashes, as most are, at a fraction of what it costs to read
// JSON. Of any other it says that it is none.
//
//	{"Cmd":"<name>","AppId":"<ID>","Encrypt":false,"Content":"<content>"}
//
// AppId and Encrypt may be missing.
func cut(data []byte) (cmd string, content []byte, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"Cmd":"`))
	if !ok {
		return "", nil, false
	}
	name, rest, ok := cutPlain(rest)
	if app, is := bytes.CutPrefix(rest, []byte(`,"AppId":"`)); ok && is {
		_, rest, ok = cutPlain(app)
	}
	rest, _ = bytes.CutPrefix(rest, []byte(`,"Encrypt":false`))
	text, is := bytes.CutPrefix(rest, []byte(`,"Content":"`))
	text, ends := bytes.CutSuffix(text, []byte(`"}`))
	if !ok || !is || !ends || len(name) == 0 {
		return "", nil, false
	}
	content, ok = unquote(text)
	return string(name), content, ok
}

// cutPlain takes what stands before the next quotation mark, if that is ASCII in which
// nothing is escaped.
func cutPlain(data []byte) (text, rest []byte, ok bool) {
	for i, c := range data {
		switch {
		case c == '"':
			return data[:i], data[i+1:], true
		case c < ' ', c == '\\', c >= utf8.RuneSelf:
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// unquote reads what stands between the quotation marks of a string.
func unquote(text []byte) (content []byte, ok bool) {
	content = make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\') {
			i++
			c = text[i]
		} else if c < ' ' || c == '"' || c == '\\' {
			return nil, false
		}
		content = append(content, c)
	}
	return content, utf8.Valid(content)
}
