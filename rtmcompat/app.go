package rtmcompat

import (
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// Config is what the door must know.
type Config struct {
	// ServerName is that of this server.
	ServerName spec.ServerName
	Apps       []App
	// AckTimeout is how long wait_for_ack waits for the receiver's confirmation; 0
	// stands for 10 s.
	AckTimeout time.Duration
	// Limits hold the apps to their rates; nil: they have none.
	Limits *Limits
}

// An App is one project of the vendors' console: who may send, and as which users.
type App struct {
	// ID is the app's 32 characters in the path.
	ID string
	// Certificate is the secret its user tokens are signed with.
	Certificate string
	// Namespace begins the localpart of each of the app's users; "" gives uids and
	// Matrix localparts the same names. Where a localpart falls into the namespaces
	// of two apps, it is the longer one's alone: no app speaks for another's users.
	Namespace string
	Keys      []Key
	// OpenHistory lets a token of any user of the app read all of its history.
	OpenHistory bool
	Rates       Rates
	// OpenEvents lets the tokens of users read the events of all users, too.
	OpenEvents bool
	// ChannelCodeWithSpace has channel messages answered with the code "message sent".
	ChannelCodeWithSpace bool
}

// A Key may send as any user of its app. The vendors call the parts customer ID
// and customer secret.
type Key struct {
	Key    string
	Secret string
}

// A directory is what the door knows of apps at one time. It does not change.
type directory struct {
	apps        apps
	credentials []credential
}

// apps holds the apps by ID.
type apps map[string]App

func newApps(list []App) apps {
	byID := make(apps, len(list))
	for _, app := range list {
		byID[app.ID] = app
	}
	return byID
}

// belongsToAnother tells whether a localpart in the app's namespace is in the
// longer namespace of another: "_d" in a localpart may be the "D" of one app's uid
// or the namespace of another app.
func (a apps) belongsToAnother(app App, localpart string) bool {
	for _, other := range a {
		if len(other.Namespace) > len(app.Namespace) && strings.HasPrefix(localpart, other.Namespace) {
			return true
		}
	}
	return false
}
