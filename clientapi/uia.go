package clientapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// The specification gives sessions no lifetime. They are lost in a restart, and a
// client then begins another.
const (
	maxSessions     = 10_000
	sessionLifetime = 30 * time.Minute
)

// stageDummy is the stage that asks for nothing, and so makes a client show that
// it knows the exchange.
const stageDummy = "m.login.dummy"

// uiaAuth is the auth object of a request.
//
// https://spec.matrix.org/v1.15/client-server-api/#user-interactive-api-in-the-rest-api
type uiaAuth struct {
	Type    string `json:"type"`
	Session string `json:"session"`
}

// A uiaSession joins the requests with which a client authenticates one
// operation.
type uiaSession struct {
	id string
	// operation is what the session was begun for. It is good for nothing else.
	operation string
	// turn holds an item while a request has the session for itself. Two requests
	// that finish it at once must not do its operation twice.
	turn chan struct{}

	registration registration   // what the requests so far asked for; guarded by turn
	result       *accountAnswer // nil until the session is finished; guarded by turn
}

func newSession(operation string) *uiaSession {
	return &uiaSession{id: rand.Text(), operation: operation, turn: make(chan struct{}, 1)}
}

func (u *uiaSession) lock(ctx context.Context) error {
	select {
	case u.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the authentication session: %w", ctx.Err())
	}
}

func (u *uiaSession) unlock() { <-u.turn }

// resume gives the session a request names, and a new one that is not yet
// remembered if it names none or one that is no more.
func (s *Server) resume(auth uiaAuth, operation string) (session *uiaSession, known bool, err error) {
	session, known = s.sessions.get(auth.Session)
	if !known {
		return newSession(operation), false, nil
	}
	if session.operation != operation {
		return nil, false, httpapi.Forbidden("This session was begun for another operation")
	}
	return session, true, nil
}

// authenticate is nil if the request has passed the one stage there is. The
// error otherwise tells the client how to go on, in a session remembered for it.
func (s *Server) authenticate(session *uiaSession, known bool, auth uiaAuth) error {
	var refusal spec.MatrixError
	switch {
	case auth.Session != "" && !known:
		refusal = spec.Forbidden("The session is unknown or has expired: go on with this one")
	case auth.Type == stageDummy:
		return nil
	case auth.Type != "":
		refusal = spec.Forbidden("This authentication type is not offered")
	}
	if !known {
		s.sessions.put(session.id, session)
	}
	return &httpapi.Error{Status: http.StatusUnauthorized, Body: uiaAnswer{
		Session: session.id,
		Flows:   []uiaFlow{{Stages: []string{stageDummy}}},
		ErrCode: refusal.ErrCode,
		Error:   refusal.Err,
	}}
}

// uiaAnswer is the body of a 401 that tells how to authenticate, and after a
// failed try what was wrong with it.
type uiaAnswer struct {
	Session string               `json:"session"`
	Flows   []uiaFlow            `json:"flows"`
	Params  struct{}             `json:"params"`
	ErrCode spec.MatrixErrorCode `json:"errcode,omitempty"`
	Error   string               `json:"error,omitempty"`
}

type uiaFlow struct {
	Stages []string `json:"stages"`
}
