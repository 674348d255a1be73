package rtmcompat

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// A caller is who a request comes from, its credentials checked.
type caller struct {
	app App
	// uid is the user a token is for, "" for whoever holds a key of the app.
	uid string
	// credential tells callers apart: the hash of a key, or the uid of tokens.
	credential string
	// requestID is the one the answer will carry.
	requestID string
}

// A credential is one key of one app, hashed so that secrets of any length compare
// in the same time.
type credential struct {
	appID  string
	digest [sha256.Size]byte
}

func newCredentials(list []App) []credential {
	var all []credential
	for _, app := range list {
		for _, key := range app.Keys {
			if key.Key != "" && key.Secret != "" {
				all = append(all, credential{appID: app.ID, digest: digest(key.Key, key.Secret)})
			}
		}
	}
	return all
}

func digest(key, secret string) [sha256.Size]byte {
	return sha256.Sum256([]byte(key + ":" + secret))
}

// authenticate finds the app in the path, if the request carries a key of it, or a
// token of the app for the user in the path. So a token opens nothing that has no user in
// its path.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	c, err := s.authenticateAnyUser(r)
	if err != nil || c.uid == "" {
		return c, err
	}
	if user, err := httpapi.PathVar(r, "userId"); err != nil || user != c.uid {
		return caller{}, unauthorized("the token is for another user", errOtherUser)
	}
	return c, nil
}

// authenticateAnyUser lets in tokens of any user of the app, too, for endpoints that ask
// for themselves what the user may do. Beside a good key a token is not looked at.
// Whether an app exists is told only to those who hold a key of some app here.
func (s *Server) authenticateAnyUser(r *http.Request) (caller, error) {
	appID, err := httpapi.PathVar(r, "appId")
	if err != nil {
		return caller{}, invalid("the app ID is not valid percent-encoded UTF-8")
	}
	directory := s.directory.Load()
	presented, known, allowed := directory.check(r, appID)
	app, exists := directory.apps[appID]
	switch {
	case exists && allowed:
		return caller{app: app, credential: "key " + string(presented[:])}, nil
	case !exists && known:
		return caller{}, &refusal{status: http.StatusUnauthorized, code: codeAppNotFound, message: "there is no such app here"}
	default:
		uid, err := checkToken(r, app)
		return caller{app: app, uid: uid, credential: "uid " + uid}, err
	}
}

// check gives the hash of the key that the request carries, and tells whether it is one
// of any app, and whether it is one of this app. It looks at every key there is, found or not, and each in
// constant time.
func (d *directory) check(r *http.Request, appID string) (presented [sha256.Size]byte, known, allowed bool) {
	key, secret, ok := r.BasicAuth()
	if !ok {
		return presented, false, false
	}
	presented = digest(key, secret)
	for _, c := range d.credentials {
		same := subtle.ConstantTimeCompare(presented[:], c.digest[:]) == 1
		known = known || same
		allowed = allowed || same && c.appID == appID
	}
	return presented, known, allowed
}
