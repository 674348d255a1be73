package federationapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/ratelimit"
	"github.com/chappe-im/chappe/internal/signedjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// bodyLimit is the size in bytes up to which a signed request is read. The
	// limits of a transaction leave it far below this.
	bodyLimit = 16 << 20
	// maxCredentials bounds the signatures tried on one request.
	maxCredentials = 8
)

// Peers is told of servers that have shown to be alive.
type Peers interface {
	PeerAlive(spec.ServerName)
}

// An authenticator checks the signatures of other servers' requests, and whether
// they may make them.
type authenticator struct {
	name     spec.ServerName // ours
	servers  todevice.ServerRules
	keys     *keyRing
	rates    *ratelimit.Limiter[spec.ServerName] // nil for no limit
	peers    Peers
	refusals refusals
	now      func() time.Time
}

// signed is httpapi.Endpoint for a request another server must have signed. do is
// told the origin, which is the one identity to go by from there on; read gets the
// body that was signed, nil where there was none.
func signed[Query, Answer any](
	log *logrus.Entry,
	auth *authenticator,
	read func(*http.Request, json.RawMessage) (Query, error),
	do func(context.Context, spec.ServerName, Query) (Answer, error),
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, body, err := auth.check(r)
		if err != nil {
			auth.refusals.count(err)
			httpapi.WriteError(w, log, err)
			return
		}
		httpapi.Endpoint(log,
			func(r *http.Request) (Query, error) { return read(r, body) },
			func(ctx context.Context, query Query) (Answer, error) {
				answer, err := do(ctx, origin, query)
				auth.refusals.count(err)
				return answer, err
			},
		).ServeHTTP(w, r)
	})
}

// check gives the server that signed a request, and the body. A server that is
// denied costs no key, and the keys come before the body: nothing is read for an
// origin whose key cannot be found. The rate is taken of whom the signature has
// shown to be the origin, so that nobody can use up another's.
//
// https://spec.matrix.org/v1.15/server-server-api/#request-authentication
func (a *authenticator) check(r *http.Request) (spec.ServerName, json.RawMessage, error) {
	credentials, err := readCredentials(r.Header.Values("Authorization"), a.name)
	if err != nil {
		return "", nil, err
	}
	origin := credentials[0].Origin
	if !a.servers.Admit(origin) {
		return "", nil, &refusal{deniedOrigin, httpapi.Forbidden("This server has nothing to do with yours")}
	}
	claims, err := a.claims(r.Context(), credentials)
	if err != nil {
		return "", nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return "", nil, err
	}
	if err := a.verify(r, origin, claims, body); err != nil {
		return "", nil, err
	}
	a.peers.PeerAlive(origin)
	if a.rates != nil {
		if wait := a.rates.Take(origin, 1, a.now()); wait > 0 {
			return "", nil, &refusal{tooManyRequests, httpapi.LimitExceeded("Too many requests", max(wait, time.Millisecond))}
		}
	}
	return origin, body, nil
}

// verify checks that one of the claims is right.
func (a *authenticator) verify(r *http.Request, origin spec.ServerName, claims []claim, body json.RawMessage) error {
	// The URI is the one of the request line: a path that was decoded or cleaned is
	// not the one that was signed.
	target := signing.Request{Destination: a.name, Method: r.Method, Origin: origin, URI: r.RequestURI}
	message, err := target.Message(body)
	if err != nil {
		return &refusal{badBody, httpapi.BadJSON("The body has no canonical form: " + err.Error())}
	}
	for _, claim := range claims {
		switch err := a.keys.verify(r.Context(), claim, message); {
		case err == nil:
			return nil
		case errors.Is(err, errWrongSignature):
			continue
		default:
			return orBusy(err)
		}
	}
	return &refusal{wrongSignature, httpapi.Unauthorized("The signature is wrong")}
}

// claims gives the credentials that can be checked, with their keys. If there are
// none it says what is wrong with the last one.
func (a *authenticator) claims(ctx context.Context, credentials []signing.Credential) (claims []claim, err error) {
	var bad *refusal
	for _, c := range credentials {
		signature, err := signedjson.DecodeSignature(c.Signature)
		if err != nil {
			bad = &refusal{malformedHeader, httpapi.Unauthorized("The signature is not one")}
			continue
		}
		key, err := a.keys.find(ctx, c.Origin, c.Key)
		if why := keyFault(err); why != "" {
			bad = &refusal{why, httpapi.Unauthorized("There is no key to check the signature with: " + err.Error())}
			continue
		}
		if err != nil {
			return nil, orBusy(err)
		}
		claims = append(claims, claim{key: key, signature: signature})
	}
	if len(claims) == 0 {
		return nil, bad
	}
	return claims, nil
}

// keyFault gives the reason to refuse a request for its key, "" for any other error.
func keyFault(err error) reason {
	switch {
	case errors.Is(err, errNoKey):
		return unknownKey
	case errors.Is(err, errExpiredKey):
		return expiredKey
	case errors.Is(err, errOldKey):
		return oldKey
	}
	return ""
}

// keyPause is when a server may try again whose keys cannot be fetched now.
const keyPause = 5 * time.Second

// orBusy tells a server that its keys cannot be fetched now. It is a 429, which all
// servers know to mean "later" and which says when; the fault is not theirs, but
// neither is it one of this server, as it lies with others that fill the places.
func orBusy(err error) error {
	if errors.Is(err, errBusy) {
		return &refusal{busyWithKeys, httpapi.LimitExceeded("Too many keys are being fetched", keyPause)}
	}
	return err
}

// readCredentials reads the Authorization headers of a request to name. One good
// header is enough, so others may be bad, but all must be of the same origin.
func readCredentials(headers []string, name spec.ServerName) ([]signing.Credential, error) {
	var good []signing.Credential
	bad := &refusal{missingHeader, httpapi.Unauthorized("The request has no X-Matrix Authorization header")}
	for _, header := range headers {
		c, ours, malformed := signing.Parse(header)
		switch {
		case !ours:
			continue
		case malformed != nil:
			bad = &refusal{malformedHeader, httpapi.Unauthorized("The X-Matrix Authorization header is malformed")}
			continue
		case !todevice.ValidServerName(c.Origin):
			return nil, &refusal{badOrigin, httpapi.InvalidParam("The origin is not a server name")}
		case len(good) > 0 && c.Origin != good[0].Origin:
			return nil, &refusal{differentOrigins, httpapi.Unauthorized("The Authorization headers name different origins")}
		case c.Origin == name:
			return nil, &refusal{ownName, httpapi.Unauthorized("The origin is this server itself")}
		case c.Destination != "" && c.Destination != name:
			bad = &refusal{wrongDestination, httpapi.Unauthorized("The request is for another server")}
			continue
		}
		if good = append(good, c); len(good) == maxCredentials {
			break
		}
	}
	if len(good) == 0 {
		return nil, bad
	}
	return good, nil
}

// readBody gives a request's body, or nil where it has none.
func readBody(r *http.Request) (json.RawMessage, error) {
	buffered := bufio.NewReader(r.Body)
	if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
		return nil, nil
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{buffered, r.Body}
	body, err := httpapi.ReadBody(r, bodyLimit)
	var answer *httpapi.Error
	if errors.As(err, &answer) {
		return nil, &refusal{badBody, answer}
	}
	return body, err
}
