package rtmcompat

import (
	"net/http"
	"strings"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/rtmcompat/guests"
	"github.com/chappe-im/chappe/todevice"
)

// maxUID is the greatest length of an uid in characters, each of one byte.
const maxUID = 64

// uidMarks are the characters an uid may have besides letters, digits and space:
// all of printable ASCII but " * / \ and the backtick.
const uidMarks = "!#$%&()+-:;<=.>?@[]^_{}|~,'"

// validUID tells whether a string is a name that RTM allows to a user.
func validUID(uid string) bool {
	if uid == "" || len(uid) > maxUID {
		return false
	}
	for i := range len(uid) {
		if !uidByte(uid[i]) {
			return false
		}
	}
	return true
}

// uidRule tells people what validUID allows.
const uidRule = "1 to 64 letters A to Z and a to z, digits, spaces and " + uidMarks

func uidByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == ' ':
		return true
	default:
		return strings.IndexByte(uidMarks, c) >= 0
	}
}

// readPathUID gives the uid in the path. It is percent-decoded once, and "+" is a
// plus.
func readPathUID(r *http.Request) (string, error) {
	uid, err := httpapi.PathVar(r, "userId")
	if err != nil || !validUID(uid) {
		return "", invalid("user_id must be " + uidRule)
	}
	if uid != strings.Trim(uid, " ") {
		return "", invalid("user_id must not begin or end with a space")
	}
	return uid, nil
}

// userOf gives the Matrix user that an uid of an app is. The field is the one it
// was read from.
func (s *Server) userOf(app App, field, uid string) (todevice.UserID, error) {
	if uid == guests.ServiceUID {
		return todevice.UserID{}, invalid(field + " is reserved for the channels of the app")
	}
	localpart := app.Namespace + escape(uid)
	if !todevice.ValidLocalpart(localpart, s.name) {
		return todevice.UserID{}, invalid(field + " is too long for a user of this server: escaped, it is over 255 bytes with the server's name")
	}
	if s.directory.Load().apps.belongsToAnother(app, localpart) {
		return todevice.UserID{}, invalid(field + " is reserved for another app of this server")
	}
	return todevice.UserID{Localpart: localpart, Server: s.name}, nil
}

// matrixID reads a full Matrix user ID. An uid of an app may look like one, and is
// then taken for it.
func matrixID(destination string) (todevice.UserID, bool) {
	if !strings.HasPrefix(destination, "@") {
		return todevice.UserID{}, false // as most, at no cost
	}
	user, err := todevice.ParseUserID(destination)
	return user, err == nil
}
