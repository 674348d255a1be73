package todevice

import (
	"errors"
	"fmt"
	"strings"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A UserID is a Matrix user identifier that has been checked. It compares with
// == and serves as a map key. Server names are compared case-sensitively.
//
// https://spec.matrix.org/v1.15/appendices/#user-identifiers
type UserID struct {
	Localpart string
	Server    spec.ServerName
}

// ParseUserID reads "@localpart:server". It takes the historical character set,
// as other servers may have such users; names made here are narrower, see
// [ValidLocalpart].
func ParseUserID(s string) (UserID, error) {
	id, err := spec.NewUserID(s, true)
	if err != nil {
		return UserID{}, fmt.Errorf("user ID: %w", err)
	}
	if id.Local() == "" {
		return UserID{}, errors.New("user ID: the localpart is empty")
	}
	return UserID{Localpart: id.Local(), Server: id.Domain()}, nil
}

// String gives "@localpart:server".
func (u UserID) String() string {
	return "@" + u.Localpart + ":" + string(u.Server)
}

// ValidLocalpart tells whether a user of this name may be made here: a-z, 0-9
// and ._=-/+ only, and the whole user ID no longer than 255 bytes.
func ValidLocalpart(localpart string, server spec.ServerName) bool {
	if localpart == "" || len(localpart)+len(server)+2 > 255 {
		return false
	}
	for i := range len(localpart) {
		switch c := localpart[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '=', c == '-', c == '/', c == '+':
		default:
			return false
		}
	}
	return true
}

// ValidServerName tells whether a name can be a Matrix server's: a DNS name or an
// IP literal, with an optional numeric port.
//
// https://spec.matrix.org/v1.15/appendices/#server-name
func ValidServerName(name spec.ServerName) bool {
	_, _, valid := spec.ParseAndValidateServerName(name)
	return valid && len(name) <= 230
}

// Host gives the host of a server name, without the brackets of an IPv6 literal.
func Host(name spec.ServerName) string {
	host, _, _ := spec.ParseAndValidateServerName(name)
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
