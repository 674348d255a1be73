package signing

import (
	"errors"
	"strings"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A Credential is what one Authorization header of the scheme X-Matrix says.
//
// https://spec.matrix.org/v1.15/server-server-api/#request-authentication
type Credential struct {
	Origin spec.ServerName
	// Destination is "" where the header names none, as of older servers.
	Destination spec.ServerName
	Key         gomatrixserverlib.KeyID
	// Signature is in base64, unchecked.
	Signature string
}

const scheme = "X-Matrix"

var errMalformed = errors.New("malformed X-Matrix header")

// String writes the header in the one way that also the oldest readers take: one
// space, names in lower case, everything quoted, nothing around the commas.
func (c Credential) String() string {
	var b strings.Builder
	b.WriteString(scheme)
	separator := " "
	write := func(name, value string) {
		b.WriteString(separator + name + `="` + quoting.Replace(value) + `"`)
		separator = ","
	}
	write("origin", string(c.Origin))
	if c.Destination != "" {
		write("destination", string(c.Destination))
	}
	write("key", string(c.Key))
	write("sig", c.Signature)
	return b.String()
}

var quoting = strings.NewReplacer(`"`, `\"`, `\`, `\\`)

// Parse reads an Authorization header. It reports ours false where the
// header is of another scheme.
func Parse(header string) (c Credential, ours bool, err error) {
	header = skipSpace(header)
	end := strings.IndexAny(header, " \t")
	if end < 0 {
		end = len(header)
	}
	if !strings.EqualFold(header[:end], scheme) {
		return Credential{}, false, nil
	}
	parameters, err := parseParameters(header[end:])
	if err != nil {
		return Credential{}, true, err
	}
	c = Credential{
		Origin:      spec.ServerName(parameters["origin"]),
		Destination: spec.ServerName(parameters["destination"]),
		Key:         gomatrixserverlib.KeyID(parameters["key"]),
		Signature:   parameters["sig"],
	}
	if c.Origin == "" || c.Key == "" || c.Signature == "" {
		return Credential{}, true, errMalformed
	}
	return c, true, nil
}

// parseParameters reads a list of name=value pairs. Names come out in lower case.
// A name that comes twice is an error: readers would differ in which one counts.
func parseParameters(in string) (map[string]string, error) {
	parameters := make(map[string]string, 4)
	for in = skipSpace(in); in != ""; {
		if in[0] == ',' { // an empty element of the list
			in = skipSpace(in[1:])
			continue
		}
		name, value, rest, err := parseParameter(in)
		if err != nil {
			return nil, err
		}
		if _, twice := parameters[name]; twice {
			return nil, errMalformed
		}
		parameters[name] = value
		if in = skipSpace(rest); in != "" && in[0] != ',' {
			return nil, errMalformed
		}
	}
	return parameters, nil
}

func parseParameter(in string) (name, value, rest string, err error) {
	end := 0
	for end < len(in) && isToken(in[end]) {
		end++
	}
	name, rest = strings.ToLower(in[:end]), skipSpace(in[end:])
	if name == "" || rest == "" || rest[0] != '=' {
		return "", "", "", errMalformed
	}
	if rest = skipSpace(rest[1:]); rest != "" && rest[0] == '"' {
		value, rest, err = parseQuoted(rest[1:])
		return name, value, rest, err
	}
	end = 0
	for end < len(rest) && isBare(rest[end]) {
		end++
	}
	return name, rest[:end], rest[end:], nil
}

// parseQuoted reads up to the closing quote. A backslash stands for what follows.
func parseQuoted(in string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c == '"' {
			return b.String(), in[i+1:], nil
		}
		if c == '\\' && i+1 < len(in) {
			i++
			c = in[i]
		}
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", "", errMalformed
		}
		b.WriteByte(c)
	}
	return "", "", errMalformed
}

func skipSpace(in string) string { return strings.TrimLeft(in, " \t") }

// isToken tells the characters of a token.
//
// https://www.rfc-editor.org/rfc/rfc9110.html#section-5.6.2
func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isBare tells what may stand in a value without quotes: more than a token, as
// older servers write names with ports and base64 that way.
func isBare(c byte) bool {
	return isToken(c) || strings.IndexByte(":/=[]", c) >= 0
}
