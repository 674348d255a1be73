package rtmcompat

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// escape writes an uid in the characters of a Matrix localpart, so that different
// uids stay different: upper case as _ and lower case, _ as __, and what is not
// allowed, and =, as = and two hexadecimal digits.
//
// https://spec.matrix.org/v1.15/appendices/#mapping-from-other-character-sets
func escape(uid string) string {
	if !strings.ContainsFunc(uid, escapes) {
		return uid
	}
	var b strings.Builder
	for i := range len(uid) {
		switch c := uid[i]; {
		case 'A' <= c && c <= 'Z':
			b.WriteByte('_')
			b.WriteByte(c - 'A' + 'a')
		case c == '_':
			b.WriteString("__")
		case !escapes(rune(c)):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}

// escapes tells whether escape writes a character otherwise than it is.
func escapes(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune(".-/+", c)
}

// unescape gives the uid that escape wrote, and false for what it writes for none.
func unescape(localpart string) (uid string, ok bool) {
	var b strings.Builder
	for rest := localpart; rest != ""; {
		c, length := unescapeByte(rest)
		if length == 0 {
			return "", false
		}
		b.WriteByte(c)
		rest = rest[length:]
	}
	uid = b.String()
	// "=61" reads as "a" but is not how "a" is written.
	return uid, validUID(uid) && escape(uid) == localpart
}

// unescapeByte reads the byte of the uid at the beginning of s, and the length it
// has there: 0 where s begins with half an escape.
func unescapeByte(s string) (c byte, length int) {
	switch {
	case s[0] != '_' && s[0] != '=':
		return s[0], 1
	case s[0] == '_' && len(s) >= 2 && s[1] == '_':
		return '_', 2
	case s[0] == '_' && len(s) >= 2 && 'a' <= s[1] && s[1] <= 'z':
		return s[1] - 'a' + 'A', 2
	case s[0] == '=' && len(s) >= 3:
		if b, err := hex.DecodeString(s[1:3]); err == nil {
			return b[0], 3
		}
	}
	return 0, 0
}
