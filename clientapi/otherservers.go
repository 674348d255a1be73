package clientapi

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
	"github.com/chappe-im/chappe/todevice"
)

// A Remote asks other servers about their users. Its answers say nothing of the
// users of any other server.
type Remote interface {
	// QueryKeys asks for the keys of devices; no device IDs stand for all.
	QueryKeys(context.Context, spec.ServerName, map[todevice.UserID][]string) (todevice.RemoteKeys, error)
	// ClaimKeys asks for one key of an algorithm for each user and device.
	ClaimKeys(context.Context, spec.ServerName, map[todevice.UserID]map[string]string) (todevice.RemoteClaim, error)
	// Profile asks for a field of a profile, "" for all.
	Profile(ctx context.Context, user todevice.UserID, field string) (todevice.Profile, error)
}

// A refused is the error of a Remote whose server has answered, but not with
// success.
type refused interface {
	error
	// Answer gives the HTTP status and the Matrix error code, "" where there is none.
	Answer() (status int, errCode string)
}

const (
	// askTimeout is how long other servers have to answer, maxAskTimeout how long a
	// client may let them have.
	askTimeout    = 10 * time.Second
	maxAskTimeout = time.Minute
	// maxAsked is how many servers one request asks at the same time.
	maxAsked = 50
)

// decodeTimeout reads the time to give to other servers, in milliseconds.
func decodeTimeout(member json.RawMessage) (time.Duration, error) {
	if rawjson.Present(member) == nil {
		return askTimeout, nil
	}
	var millis int64
	if err := json.Unmarshal(member, &millis); err != nil {
		return 0, httpapi.BadJSON("timeout is not an integer")
	}
	if millis <= 0 {
		return askTimeout, nil
	}
	return time.Duration(min(millis, maxAskTimeout.Milliseconds())) * time.Millisecond, nil
}

// A failure says why there is no answer of a server.
type failure struct {
	ErrCode string `json:"errcode,omitempty"`
	Error   string `json:"error"`
	// unreachable is true where the server has not said no: nothing was heard of it,
	// or only that it cannot answer now.
	unreachable bool
}

// askAll asks each server its question, all at once as far as may be, and gives
// the answers and the failures.
func askAll[Question, Answer any](
	ctx context.Context,
	timeout time.Duration,
	questions map[spec.ServerName]Question,
	ask func(context.Context, spec.ServerName, Question) (Answer, error),
) (answers []Answer, failures map[spec.ServerName]failure) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	failures = make(map[spec.ServerName]failure)
	var mu sync.Mutex // guards answers and failures
	var group errgroup.Group
	group.SetLimit(maxAsked)
	for server, question := range questions {
		group.Go(func() error {
			answer, err := ask(ctx, server, question)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures[server] = describeFailure(err)
			} else {
				answers = append(answers, answer)
			}
			return nil
		})
	}
	_ = group.Wait() // no member fails
	return answers, failures
}

// describeFailure tells a client what it can make use of. What went wrong on the
// way to the server does not concern it.
func describeFailure(err error) failure {
	var no refused
	switch {
	case errors.As(err, &no):
		status, code := no.Answer()
		return failure{
			ErrCode: code, Error: fmt.Sprintf("The server answered with HTTP %d", status),
			unreachable: status >= http.StatusInternalServerError || status == http.StatusTooManyRequests,
		}
	case errors.Is(err, context.DeadlineExceeded):
		return failure{Error: "The server did not answer in time", unreachable: true}
	}
	return failure{Error: "The server could not be reached", unreachable: true}
}
