package rtmcompat

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// The code words of answers other than success.
const (
	codeInvalidParameter     = "invalid_parameter"
	codeUnauthorized         = "unauthorized"
	codeAppNotFound          = "app_not_found"
	codeNotFound             = "not_found"
	codeMethodNotAllowed     = "method_not_allowed"
	codeUnsupportedMediaType = "unsupported_media_type"
	codeConflict             = "conflict"
	codeRateLimited          = "rate_limited"
	codeTimeout              = "timeout"
	codeInternalError        = "internal_error"
)

// A receipt is the success answer of an endpoint that sends.
type receipt struct {
	Result    string `json:"result"` // always "success"
	RequestID string `json:"request_id"`
	Code      string `json:"code"`
}

// answerID is what the answer calls itself, which for a repeated request is what its
// first answer did.
func (r receipt) answerID() string { return r.RequestID }

// A failed is the body of every other answer.
type failed struct {
	Result    string `json:"result"` // always "failed"
	RequestID string `json:"request_id"`
	Code      string `json:"code"`
	Message   string `json:"message"`
}

// A refusal is an answer other than success that does not know yet which request
// it answers.
type refusal struct {
	status     int
	code       string
	message    string
	retryAfter time.Duration // 0: not said
	reason     error         // for the log alone, with nothing secret in it
}

func (r *refusal) Error() string { return r.message }

func invalid(message string) error {
	return &refusal{status: http.StatusBadRequest, code: codeInvalidParameter, message: message}
}

func unauthorized(message string, reason error) error {
	return &refusal{status: http.StatusUnauthorized, code: codeUnauthorized, message: message, reason: reason}
}

func rateLimited(message string, retryAfter time.Duration) error {
	return &refusal{status: http.StatusTooManyRequests, code: codeRateLimited, message: message, retryAfter: retryAfter}
}

// failure makes an error the answer to a request, and nil nil. What is neither a
// refusal nor a timeout is an internal error, its cause for the log alone.
func failure(requestID string, err error) error {
	if err == nil {
		return nil
	}
	var why *refusal
	switch {
	case errors.As(err, &why):
	case errors.Is(err, context.DeadlineExceeded):
		why = &refusal{status: http.StatusRequestTimeout, code: codeTimeout, message: "the server timed out, try again later"}
	default:
		why = &refusal{status: http.StatusInternalServerError, code: codeInternalError, message: "internal error"}
	}
	return &httpapi.Error{
		Status:     why.status,
		Body:       failed{Result: "failed", RequestID: requestID, Code: why.code, Message: why.message},
		RetryAfter: why.retryAfter,
		Cause:      err,
	}
}
