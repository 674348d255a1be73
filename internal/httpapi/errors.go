package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// An Error is an answer other than success: what the client is told, and what
// only the log is told.
type Error struct {
	Status int
	// Body is written as JSON. Usually a spec.MatrixError.
	Body any
	// RetryAfter, if not zero, is sent as the Retry-After header.
	RetryAfter time.Duration
	// Cause is logged where Status is 500 or more, and never sent.
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Cause.Error()
	}
	if err, ok := e.Body.(error); ok {
		return err.Error()
	}
	return http.StatusText(e.Status)
}

func (e *Error) Unwrap() error { return e.Cause }

// matrixError makes the standard error response of the specification.
func matrixError(status int, code spec.MatrixErrorCode, message string) *Error {
	return &Error{Status: status, Body: spec.MatrixError{ErrCode: code, Err: message}}
}

// The errors of the specification under their usual status.
//
// https://spec.matrix.org/v1.15/client-server-api/#standard-error-response

// NotJSON: the body is not JSON at all.
func NotJSON(message string) *Error {
	return matrixError(http.StatusBadRequest, spec.ErrorNotJSON, message)
}

// BadJSON: the body is JSON, but not of the shape this endpoint takes.
func BadJSON(message string) *Error {
	return matrixError(http.StatusBadRequest, spec.ErrorBadJSON, message)
}

// InvalidParam: a parameter has a value that cannot be meant.
func InvalidParam(message string) *Error {
	return matrixError(http.StatusBadRequest, spec.ErrorInvalidParam, message)
}

// MissingParam: a parameter that must be there is not.
func MissingParam(message string) *Error {
	return matrixError(http.StatusBadRequest, spec.ErrorMissingParam, message)
}

// BadRequest is a 400 with an errcode of the caller's choice.
func BadRequest(code spec.MatrixErrorCode, message string) *Error {
	return matrixError(http.StatusBadRequest, code, message)
}

// MissingToken: the endpoint needs an access token and got none.
func MissingToken() *Error {
	return matrixError(http.StatusUnauthorized, spec.ErrorMissingToken, "Missing access token")
}

// UnknownToken: the access token is not, or no longer, one of ours.
func UnknownToken() *Error {
	return matrixError(http.StatusUnauthorized, spec.ErrorUnknownToken, "Unknown access token: log in again")
}

// ExpiredToken: the access token was one of ours, and the client can have another by
// its refresh token or a login, with all it has stored.
//
// https://spec.matrix.org/v1.15/client-server-api/#soft-logout
func ExpiredToken() *Error {
	return &Error{Status: http.StatusUnauthorized, Body: softLogout{
		MatrixError: spec.MatrixError{ErrCode: spec.ErrorUnknownToken, Err: "The access token has expired"}, SoftLogout: true}}
}

type softLogout struct {
	spec.MatrixError
	SoftLogout bool `json:"soft_logout"`
}

// TokenError gives the answer to a token that storage did not accept, and any other
// error as it is.
func TokenError(err error) error {
	switch {
	case errors.Is(err, todevice.ErrUnknownToken):
		return UnknownToken()
	case errors.Is(err, todevice.ErrExpiredToken):
		return ExpiredToken()
	}
	return err
}

// Unauthorized: a server's request is not signed as it must be.
func Unauthorized(message string) *Error {
	return matrixError(http.StatusUnauthorized, "M_UNAUTHORIZED", message)
}

// Forbidden: the caller may not do this.
func Forbidden(message string) *Error {
	return matrixError(http.StatusForbidden, spec.ErrorForbidden, message)
}

// NotFound: the thing named does not exist.
func NotFound(message string) *Error {
	return matrixError(http.StatusNotFound, spec.ErrorNotFound, message)
}

// TooLarge: the body or a part of it is over its limit.
func TooLarge(message string) *Error {
	return matrixError(http.StatusRequestEntityTooLarge, "M_TOO_LARGE", message)
}

// LimitExceeded: the request was refused before anything was done and may be
// repeated after the given time.
func LimitExceeded(message string, retryAfter time.Duration) *Error {
	return &Error{
		Status:     http.StatusTooManyRequests,
		RetryAfter: retryAfter,
		Body:       spec.LimitExceeded(message, retryAfter.Milliseconds()),
	}
}

// WriteError is the one place where an error becomes an answer. An error that is
// not an *Error is logged with its cause and told only as M_UNKNOWN.
func WriteError(w http.ResponseWriter, log *logrus.Entry, err error) {
	var answer *Error
	switch {
	case errors.As(err, &answer):
	case errors.Is(err, context.Canceled):
		// The client hung up, or the server is stopping: no fault to look into.
		answer = &Error{Status: http.StatusServiceUnavailable, Body: spec.Unknown("The request was interrupted")}
	default:
		answer = &Error{
			Status: http.StatusInternalServerError,
			Body:   spec.Unknown("Internal server error"),
			Cause:  err,
		}
	}
	if answer.Status >= http.StatusInternalServerError && answer.Cause != nil {
		log.WithError(answer.Cause).Error("request failed")
	}
	if answer.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(answer.RetryAfter.Seconds()))))
	}
	writeJSON(w, answer.Status, answer.Body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, ok := body.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			status, raw = http.StatusInternalServerError, []byte(`{"errcode":"M_UNKNOWN","error":"Internal server error"}`)
		}
	}
	header := w.Header()
	header["Content-Type"] = jsonContentType
	header["Content-Length"] = []string{strconv.Itoa(len(raw))}
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a client that hung up is no fault of ours
}

var jsonContentType = []string{"application/json"}
