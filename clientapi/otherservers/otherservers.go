// Package otherservers is what the endpoints for clients share that need other
// servers' answers: how long those have, how many are asked at once, and what a
// client is told of one that does not answer.
package otherservers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/rawjson"
)

const (
	// Timeout is how long other servers have to answer, maxTimeout how long a client
	// may let them have.
	Timeout    = 10 * time.Second
	maxTimeout = time.Minute
	// maxAsked is how many servers one request asks at the same time.
	maxAsked = 50
)

// ReadTimeout reads the time that a client gives to other servers, in milliseconds.
func ReadTimeout(member json.RawMessage) (time.Duration, error) {
	if rawjson.Present(member) == nil {
		return Timeout, nil
	}
	var millis int64
	if err := json.Unmarshal(member, &millis); err != nil {
		return 0, httpapi.BadJSON("timeout is not an integer")
	}
	if millis <= 0 {
		return Timeout, nil
	}
	return time.Duration(min(millis, maxTimeout.Milliseconds())) * time.Millisecond, nil
}

// Refused is the error of a question to a server that has answered, but not with
// success.
type Refused interface {
	error
	// Answer gives the HTTP status and the Matrix error code, "" where there is none.
	Answer() (status int, errCode string)
}

// A Failure says why there is no answer of a server.
type Failure struct {
	ErrCode string `json:"errcode,omitempty"`
	Error   string `json:"error"`
	// Unreachable is true where the server has not said no: nothing was heard of it,
	// or only that it cannot answer now.
	Unreachable bool `json:"-"`
}

// AskAll asks each server its question, all at once as far as may be, and gives
// the answers and the failures.
func AskAll[Question, Answer any](
	ctx context.Context,
	timeout time.Duration,
	questions map[spec.ServerName]Question,
	ask func(context.Context, spec.ServerName, Question) (Answer, error),
) (answers []Answer, failures map[spec.ServerName]Failure) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	failures = make(map[spec.ServerName]Failure)
	var mu sync.Mutex // guards answers and failures
	var group errgroup.Group
	group.SetLimit(maxAsked)
	for server, question := range questions {
		group.Go(func() error {
			answer, err := ask(ctx, server, question)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures[server] = Describe(err)
			} else {
				answers = append(answers, answer)
			}
			return nil
		})
	}
	_ = group.Wait() // no member fails
	return answers, failures
}

// Describe tells a client what it can make use of. What went wrong on the way to the
// server does not concern it.
func Describe(err error) Failure {
	var refused Refused
	switch {
	case errors.As(err, &refused):
		status, code := refused.Answer()
		return Failure{
			ErrCode: code, Error: fmt.Sprintf("The server answered with HTTP %d", status),
			Unreachable: status >= http.StatusInternalServerError || status == http.StatusTooManyRequests,
		}
	case errors.Is(err, context.DeadlineExceeded):
		return Failure{Error: "The server did not answer in time", Unreachable: true}
	}
	return Failure{Error: "The server could not be reached", Unreachable: true}
}
