package clientapi

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/chappe-im/chappe/internal/httpapi"
)

func TestSessionIsGoodForItsOwnOperationOnly(t *testing.T) {
	s := New(Config{}, nil, nil, nil, nil, nil)
	session, known, err := s.resume(uiaAuth{}, "delete device A1")
	if err != nil || known {
		t.Fatalf("got %v, %v", known, err)
	}
	s.sessions.put(session.id, session)
	auth := uiaAuth{Session: session.id, Type: stageDummy}

	var refusal *httpapi.Error
	if _, _, err := s.resume(auth, "delete device A2"); !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden {
		t.Errorf("got %v", err)
	}
	if again, known, err := s.resume(auth, "delete device A1"); err != nil || !known || again != session {
		t.Errorf("got %v, %v, %v", again, known, err)
	}
}

func TestSessionInWorkIsWaitedForAsLongAsTheContextLives(t *testing.T) {
	session := newSession("register")
	if err := session.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := session.lock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	session.unlock()
	if err := session.lock(t.Context()); err != nil {
		t.Error(err)
	}
}
