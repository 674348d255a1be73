// Package uia is user-interactive authentication: the exchange by which a client
// shows, for one operation, that its user is there, or that a stranger may register.
//
// https://spec.matrix.org/v1.15/client-server-api/#user-interactive-authentication-api
package uia

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/expiring"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// The specification gives sessions no lifetime. They are lost in a restart, and a
// client then begins another.
const (
	maxSessions     = 10_000
	sessionLifetime = 30 * time.Minute
)

// The stages that a flow may have.
//
// https://spec.matrix.org/v1.15/client-server-api/#authentication-types
const (
	// StageDummy asks for nothing, and so makes a client show that it knows the
	// exchange.
	StageDummy             = "m.login.dummy"
	StagePassword          = "m.login.password"
	StageRegistrationToken = "m.login.registration_token"
)

// A Stage is one way to pass. Each is a flow of its own: there are no flows of
// several.
type Stage struct {
	Type string
	// Check is nil if the client has passed. A Refusal tells it that it has not, and
	// lets it try again; any other error ends the request.
	Check func(context.Context, Auth) error
}

// A Refusal says in words what was wrong with an attempt.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Dummy is the stage that anybody passes.
func Dummy() Stage {
	return Stage{Type: StageDummy, Check: func(context.Context, Auth) error { return nil }}
}

// Sessions are those of one kind of operation, each with a State of its own that
// outlives the request.
type Sessions[State any] struct {
	byID *expiring.Map[*Session[State]]
}

// NewSessions makes a memory without sessions.
func NewSessions[State any]() *Sessions[State] {
	return &Sessions[State]{byID: expiring.New[*Session[State]](maxSessions, sessionLifetime)}
}

// A Session joins the requests with which a client authenticates one operation.
type Session[State any] struct {
	id        string
	operation Operation
	// turn holds an item while a request has the session for itself. Two requests that
	// finish it at once must not do its operation twice.
	turn chan struct{}

	// State is what the operation remembers from request to request. It belongs to
	// whoever has the session's turn.
	State State
	// passed is true once a stage was passed; guarded by turn.
	passed bool
	// known is true once a client was told of the session; guarded by turn.
	known bool
}

// Resume gives the session a request names, or a new one if it names none or one
// that is no more. It waits until no other request has it, and the caller must End
// it. A session of another operation is refused with M_FORBIDDEN.
func (s *Sessions[State]) Resume(ctx context.Context, auth Auth, operation Operation) (*Session[State], error) {
	session, known := s.byID.Get(auth.Session)
	if !known {
		session = &Session[State]{id: rand.Text(), operation: operation, turn: make(chan struct{}, 1)}
	}
	if session.operation != operation {
		return nil, httpapi.Forbidden("This session was begun for another operation")
	}
	select {
	case session.turn <- struct{}{}:
		return session, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the authentication session: %w", ctx.Err())
	}
}

// End lets the next request have the session.
func (u *Session[State]) End() { <-u.turn }

// Authenticate is nil if the client has passed one of the stages, now or in an
// earlier request of the session. The error otherwise tells it how to go on, in a
// session that is remembered for it.
func (s *Sessions[State]) Authenticate(ctx context.Context, session *Session[State], auth Auth, stages ...Stage) error {
	refusal, err := session.try(ctx, auth, stages)
	if err != nil || session.passed {
		return err
	}
	if !session.known {
		session.known = true
		s.byID.Put(session.id, session)
	}
	body := answer{Session: session.id}
	for _, stage := range stages {
		body.Flows = append(body.Flows, flow{Stages: []string{stage.Type}})
	}
	if refusal != "" {
		body.ErrCode, body.Error = spec.ErrorForbidden, string(refusal)
	}
	return &httpapi.Error{Status: http.StatusUnauthorized, Body: body}
}

// try lets the client attempt the stage it names.
func (u *Session[State]) try(ctx context.Context, auth Auth, stages []Stage) (Refusal, error) {
	if u.passed {
		return "", nil
	}
	if auth.Session != "" && auth.Session != u.id {
		return "The session is unknown or has expired: go on with this one", nil
	}
	if auth.Type == "" {
		return "", nil
	}
	for _, stage := range stages {
		if stage.Type != auth.Type {
			continue
		}
		err := stage.Check(ctx, auth)
		var refusal Refusal
		if errors.As(err, &refusal) {
			return refusal, nil
		}
		u.passed = err == nil
		return "", err
	}
	return "This authentication type is not offered", nil
}

// answer is the body of a 401 that tells how to authenticate, and after a failed try
// what was wrong with it.
type answer struct {
	Session string               `json:"session"`
	Flows   []flow               `json:"flows"`
	Params  struct{}             `json:"params"`
	ErrCode spec.MatrixErrorCode `json:"errcode,omitempty"`
	Error   string               `json:"error,omitempty"`
}

type flow struct {
	Stages []string `json:"stages"`
}
