package federationapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/httpapi"
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

// An authenticator checks the signatures of other servers' requests.
type authenticator struct {
	name  spec.ServerName // ours
	keys  *keyRing
	peers Peers
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
			httpapi.WriteError(w, log, err)
			return
		}
		httpapi.Endpoint(log,
			func(r *http.Request) (Query, error) { return read(r, body) },
			func(ctx context.Context, query Query) (Answer, error) { return do(ctx, origin, query) },
		).ServeHTTP(w, r)
	})
}

// check gives the server that signed a request, and the body. The keys come
// before the body: nothing is read for an origin whose key cannot be found.
//
// https://spec.matrix.org/v1.15/server-server-api/#request-authentication
func (a *authenticator) check(r *http.Request) (spec.ServerName, json.RawMessage, error) {
	credentials, err := readCredentials(r.Header.Values("Authorization"), a.name)
	if err != nil {
		return "", nil, err
	}
	origin := credentials[0].Origin
	claims, err := a.claims(r.Context(), credentials)
	if err != nil {
		return "", nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return "", nil, err
	}
	// The URI is the one of the request line: a path that was decoded or cleaned is
	// not the one that was signed.
	target := signing.Request{Destination: a.name, Method: r.Method, Origin: origin, URI: r.RequestURI}
	message, err := target.Message(body)
	if err != nil {
		return "", nil, httpapi.BadJSON("The body has no canonical form: " + err.Error())
	}
	for _, claim := range claims {
		switch err := a.keys.verify(r.Context(), claim, message); {
		case err == nil:
			a.peers.PeerAlive(origin)
			return origin, body, nil
		case !errors.Is(err, errWrongSignature):
			return "", nil, err
		}
	}
	return "", nil, httpapi.Unauthorized("The signature is wrong")
}

// claims gives the credentials that can be checked, with their keys.
func (a *authenticator) claims(ctx context.Context, credentials []signing.Credential) (claims []claim, err error) {
	for _, c := range credentials {
		signature, err := signing.DecodeSignature(c.Signature)
		if err != nil {
			continue
		}
		key, err := a.keys.find(ctx, c.Origin, c.Key)
		if errors.Is(err, errNoKey) {
			continue
		}
		if err != nil {
			return nil, err
		}
		claims = append(claims, claim{key: key, signature: signature})
	}
	if len(claims) == 0 {
		return nil, httpapi.Unauthorized("There is no key to check the signature with")
	}
	return claims, nil
}

// readCredentials reads the Authorization headers of a request to name. One good
// header is enough, so others may be bad, but all must be of the same origin.
func readCredentials(headers []string, name spec.ServerName) ([]signing.Credential, error) {
	var good []signing.Credential
	err := httpapi.Unauthorized("The request has no X-Matrix Authorization header")
	for _, header := range headers {
		c, ours, malformed := signing.Parse(header)
		switch {
		case !ours:
			continue
		case malformed != nil:
			err = httpapi.Unauthorized("The X-Matrix Authorization header is malformed")
			continue
		case !todevice.ValidServerName(c.Origin):
			return nil, httpapi.InvalidParam("The origin is not a server name")
		case len(good) > 0 && c.Origin != good[0].Origin:
			return nil, httpapi.Unauthorized("The Authorization headers name different origins")
		case c.Origin == name:
			return nil, httpapi.Unauthorized("The origin is this server itself")
		case c.Destination != "" && c.Destination != name:
			err = httpapi.Unauthorized("The request is for another server")
			continue
		}
		if good = append(good, c); len(good) == maxCredentials {
			break
		}
	}
	if len(good) == 0 {
		return nil, err
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
	return httpapi.ReadBody(r, bodyLimit)
}
