// Package rtmtoken makes and checks the tokens of RTM users, in the formats "006" and
// "007" for which anyRTC and Agora publish builders. It does no I/O.
//
// A token says: the holder of the app's certificate lets this user in for a time. All
// integers in it are little-endian. What is signed is checked as it was received, never
// by building a token and comparing.
package rtmtoken

import "time"

// An App is whom tokens are made for. Where the certificate is "", no token is good.
type App struct {
	ID          string
	Certificate string
}

// A Format is the way a token is written: its first three characters.
type Format string

// The formats. A token of V006 does not say whose it is, but can be checked against a
// uid; one of V007 holds the uid.
const (
	V006 Format = "006"
	V007 Format = "007"
)

// A Reason says why a token is refused. It holds nothing of the token.
type Reason string

// The reasons. Expired and NotYetValid are found last: they are of tokens that have
// been made with the app's certificate.
const (
	Malformed        Reason = "malformed"
	AppMismatch      Reason = "app_mismatch"
	BadSignature     Reason = "bad_signature"
	UIDMismatch      Reason = "uid_mismatch"
	NoRTMService     Reason = "no_rtm_service"
	NoLoginPrivilege Reason = "no_login_privilege"
	NotYetValid      Reason = "not_yet_valid"
	Expired          Reason = "expired"
)

func (r Reason) Error() string { return "the RTM token is refused: " + string(r) }

const (
	// MaxLife is how long a token is good at most, whatever is written in it.
	MaxLife = 24 * time.Hour
	// maxSkew is how far the clock of who makes tokens may be ahead of ours.
	maxSkew = 5 * time.Minute
	// maxToken is the length in bytes beyond which nothing is taken for a token.
	// Those of one user have some 150.
	maxToken = 16 << 10
	// appIDLength is the length of each app ID in bytes.
	appIDLength = 32
)

// Check gives the uid a token was made for. The uid that was presented with the token
// must be the same; "" is none, which a token of V006 cannot do without. The error is a
// [Reason].
func Check(token string, app App, uid string, now time.Time) (string, error) {
	uid, _, err := CheckUntil(token, app, uid, now)
	if err != nil {
		return "", err
	}
	return uid, nil
}

// CheckUntil is Check, and gives also the last second in which the token is good; and
// both for one that has expired.
func CheckUntil(token string, app App, uid string, now time.Time) (_ string, until time.Time, err error) {
	if len(token) > maxToken || len(token) < len(V006) {
		return "", time.Time{}, Malformed
	}
	var last int64
	format, rest := Format(token[:len(V006)]), token[len(V006):]
	switch format {
	case V006:
		last, err = check006(rest, app, uid, now.Unix())
	case V007:
		uid, last, err = check007(rest, app, uid, now.Unix())
	default:
		err = Malformed
	}
	switch {
	case err != nil:
		return "", time.Time{}, err
	case now.Unix() > last:
		return uid, time.Unix(last, 0), Expired
	}
	return uid, time.Unix(last, 0), nil
}

// seconds is a time span as tokens have it.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
