package rtmcompat

import (
	"errors"
	"strings"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
	"github.com/chappe-im/chappe/todevice"
)

// App gives an app by its ID.
func (s *Server) App(id string) (App, bool) {
	app, ok := s.directory.Load().apps[id]
	return app, ok
}

// User gives the Matrix user that an uid of an app is. Its error is for people.
func (s *Server) User(app App, uid string) (todevice.UserID, error) {
	if !validUID(uid) || uid != strings.Trim(uid, " ") {
		return todevice.UserID{}, errors.New("the uid must be " + uidRule + ", and not begin or end with a space")
	}
	if looksLikeMatrixID(uid) {
		return todevice.UserID{}, errors.New("the uid is that of a Matrix user")
	}
	return s.userOf(app, "the uid", uid)
}

// UID gives the name by which users of an app know a Matrix user: the uid of one of their
// own, the full Matrix ID of any other.
func (s *Server) UID(app App, user todevice.UserID) string {
	if uid, ok := s.directory.Load().apps.uidOf(app, user.Localpart); ok && user.Server == s.name {
		return uid
	}
	return user.String()
}

// Receiver gives the local or remote user that a destination names: an uid of the app, or
// a full Matrix ID. Its error is for people.
func (s *Server) Receiver(app App, destination string) (todevice.UserID, error) {
	if user, full := matrixID(destination); full {
		return user, nil
	}
	if !validUID(destination) {
		return todevice.UserID{}, errors.New("the uid must be " + uidRule)
	}
	return s.userOf(app, "the uid", destination)
}

// CheckToken gives the last second in which the token of a user is good, also with the
// error rtmtoken.Expired. The errors are of the type [rtmtoken.Reason].
func (a App) CheckToken(token, uid string, now time.Time) (until time.Time, err error) {
	_, until, err = rtmtoken.CheckUntil(token, a.signer(), uid, now)
	return until, err
}

// ValidName tells whether a channel, or a user, may have this name.
func ValidName(name string) bool { return validUID(name) }

// Online tells whether a local user has a session, or a device that syncs. Of users
// elsewhere nothing is known.
func (s *Server) Online(user todevice.UserID) bool {
	return user.Server == s.name && len(s.notifier.OnlineDevices(user.Localpart)) > 0
}
