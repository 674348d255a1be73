package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

func (r RTM) check(server spec.ServerName, found *mistakes) {
	for i, app := range r.Apps {
		app.check(appPath(i), server, found)
	}
	if r.History.Keep < time.Minute {
		found.add("rtm.history.keep", "want 1m or more")
	}
	r.checkUnique(found)
	r.checkNamespaces(found)
}

func appPath(i int) string { return fmt.Sprintf("rtm.apps[%d]", i) }

func keyPath(app string, i int) string { return fmt.Sprintf("%s.keys[%d]", app, i) }

func (a RTMApp) check(at string, server spec.ServerName, found *mistakes) {
	if !isAppID(a.ID) {
		found.add(at+".app_id", "want 32 letters and digits")
	}
	if a.Certificate != "" && !isAppID(a.Certificate) {
		found.add(at+".certificate", `want 32 letters and digits, or "" for an app without tokens`)
	}
	// With one more character, so that a name can follow.
	if a.Namespace != nil && !todevice.ValidLocalpart(*a.Namespace+"x", server) {
		found.add(at+".namespace", `want a short beginning for user names, of a-z, 0-9 and ._=-/+ only; "" for none`)
	}
	for i, key := range a.Keys {
		key.check(keyPath(at, i), found)
	}
	a.Limits.check(at+".limits", found)
	a.checkWebhooks(at, found)
}

func (k RTMKey) check(at string, found *mistakes) {
	if k.Key == "" {
		found.add(at+".key", "missing: give the API key a name")
	}
	if strings.Contains(k.Key, ":") {
		found.add(at+".key", "must not hold a colon, which ends the name in HTTP's Basic authentication")
	}
	if k.Secret == "" {
		found.add(at+".secret", "missing: give the API key a secret")
	}
}

// isAppID tells whether a text has the form that app IDs and certificates share.
func isAppID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		default:
			return false
		}
	}
	return len(s) == 32
}

// checkUnique refuses an app ID or an API key that stands twice, also in two apps:
// a request must mean one app and one secret.
func (r RTM) checkUnique(found *mistakes) {
	apps, keys := map[string]string{}, map[string]string{}
	for i, app := range r.Apps {
		unique(apps, app.ID, appPath(i)+".app_id", found)
		for j, key := range app.Keys {
			unique(keys, key.Key, keyPath(appPath(i), j)+".key", found)
		}
	}
}

func unique(seen map[string]string, value, at string, found *mistakes) {
	if other, twice := seen[value]; twice && value != "" {
		found.add(at, "is that of "+other+" too; choose another")
		return
	}
	seen[value] = at
}

// checkNamespaces refuses a namespace that begins with another: a name could then
// belong to a user of either app.
func (r RTM) checkNamespaces(found *mistakes) {
	for i, app := range r.Apps {
		for j, other := range r.Apps[:i] {
			mine, theirs := app.UserPrefix(), other.UserPrefix()
			if strings.HasPrefix(mine, theirs) || strings.HasPrefix(theirs, mine) {
				found.add(appPath(i)+".namespace", fmt.Sprintf("overlaps with that of %s, as one begins with the other; "+
					"choose two that differ early (an empty one only suits a single app)", appPath(j)))
			}
		}
	}
}
