package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// An Authenticator finds the device an access token belongs to. It returns
// todevice.ErrUnknownToken where there is none, and todevice.ErrExpiredToken where
// there was one.
type Authenticator interface {
	Session(ctx context.Context, token string) (todevice.Device, error)
}

// Empty is the success answer that says nothing: exactly {}.
type Empty struct{}

// Endpoint makes a handler of its two parts: read turns the request into a value
// and touches nothing else, do acts on the value. An answer that is a
// json.RawMessage is written as it is, a Stream piece by piece.
func Endpoint[Query, Answer any](
	log *logrus.Entry,
	read func(*http.Request) (Query, error),
	do func(context.Context, Query) (Answer, error),
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := read(r)
		if err != nil {
			WriteError(w, log, err)
			return
		}
		answer, err := do(r.Context(), query)
		if err != nil {
			WriteError(w, log, err)
			return
		}
		if stream, ok := any(answer).(Stream); ok {
			writeStream(r.Context(), w, log, stream)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// Authed is Endpoint for a request that needs an access token. The token is
// checked before the body is looked at.
func Authed[Query, Answer any](
	log *logrus.Entry,
	auth Authenticator,
	read func(*http.Request) (Query, error),
	do func(context.Context, todevice.Device, Query) (Answer, error),
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		device, err := Authenticate(r, auth)
		if err != nil {
			WriteError(w, log, err)
			return
		}
		Endpoint(log, read, func(ctx context.Context, query Query) (Answer, error) {
			return do(ctx, device, query)
		}).ServeHTTP(w, r)
	})
}

// Authenticate finds the device whose access token the request carries.
func Authenticate(r *http.Request, auth Authenticator) (todevice.Device, error) {
	token := AccessToken(r)
	if token == "" {
		return todevice.Device{}, MissingToken()
	}
	device, err := auth.Session(r.Context(), token)
	if err != nil {
		return todevice.Device{}, TokenError(err)
	}
	return device, nil
}

// AccessToken gives the token a request carries, "" where there is none. The
// header wins over the access_token parameter, which released clients still send.
//
// https://spec.matrix.org/v1.15/client-server-api/#using-access-tokens
func AccessToken(r *http.Request) string {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token)
		}
	}
	if !strings.Contains(r.URL.RawQuery, "access_token") {
		return ""
	}
	return r.URL.Query().Get("access_token")
}

// NoQuery reads a request that says all by its method and path.
func NoQuery(*http.Request) (struct{}, error) { return struct{}{}, nil }
