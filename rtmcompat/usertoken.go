package rtmcompat

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

// The reasons for the log that are none of [rtmtoken.Reason].
var (
	errNoCredentials = errors.New("there is no key of the app, and no token with its uid")
	errTwoTokens     = errors.New("the token headers have more than one token or uid")
	errOtherUser     = errors.New("the token is for another user than that in the path")
	errOthersHistory = errors.New("the history is not that of the token's user")
)

// UserToken makes a token with which the user uid of the app may send for a time.
func (a App) UserToken(format rtmtoken.Format, uid string, now time.Time, life time.Duration) (string, error) {
	if !validUID(uid) || uid != strings.Trim(uid, " ") {
		return "", errors.New("the uid must be " + uidRule + ", and not begin or end with a space")
	}
	return rtmtoken.Build(format, a.signer(), uid, now, life)
}

// signer is the app as tokens know it.
func (a App) signer() rtmtoken.App { return rtmtoken.App{ID: a.ID, Certificate: a.Certificate} }

// checkToken gives the user whose token of the app a request has.
func checkToken(r *http.Request, app App) (uid string, err error) {
	token, uid, err := readToken(r.Header)
	if err != nil {
		return "", wrongCredentials(err)
	}
	uid, err = rtmtoken.Check(token, app.signer(), uid, time.Now())
	switch {
	case errors.Is(err, rtmtoken.Expired):
		return "", unauthorized("the token has expired", err)
	case errors.Is(err, rtmtoken.NotYetValid):
		return "", unauthorized("the token is not valid yet: is the clock right where it was made?", err)
	case err != nil:
		return "", wrongCredentials(err)
	}
	return uid, nil
}

// wrongCredentials tells the caller nothing of the reason.
func wrongCredentials(reason error) error {
	return unauthorized("the credentials are missing or wrong", reason)
}

// readToken gives the token in the headers of a request, and the uid there. The uid may
// be missing, as "", in the form that has none: Authorization: agora token=...
func readToken(h http.Header) (token, uid string, err error) {
	token, oneToken := single(h, "X-Ar-Token", "X-Agora-Token")
	uid, oneUID := single(h, "X-Ar-Uid", "X-Agora-Uid")
	switch {
	case !oneToken || !oneUID:
		return "", "", errTwoTokens
	case token == "":
		token = agoraToken(h.Get("Authorization"))
	case uid == "":
		return "", "", errNoCredentials
	}
	if token == "" {
		return "", "", errNoCredentials
	}
	return token, uid, nil
}

// single gives the one value that some headers have, "" where none is there, and false
// where they differ.
func single(h http.Header, names ...string) (value string, ok bool) {
	var values []string
	for _, name := range names {
		values = append(values, h.Values(name)...)
	}
	switch values = slices.Compact(values); len(values) {
	case 0:
		return "", true
	case 1:
		return values[0], true
	default:
		return "", false
	}
}

// agoraToken gives the token of an Authorization header of the scheme agora, "" where it
// has another.
func agoraToken(authorization string) string {
	scheme, rest, _ := strings.Cut(authorization, " ")
	token, ok := strings.CutPrefix(strings.TrimSpace(rest), "token=")
	if !ok || !strings.EqualFold(scheme, "agora") {
		return ""
	}
	return token
}
