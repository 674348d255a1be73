package uia_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/chappe-im/chappe/clientapi/passwords"
	"github.com/chappe-im/chappe/clientapi/uia"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// password passes whoever knows that it is "right".
var password = uia.Stage{Type: uia.StagePassword, Check: func(_ context.Context, auth uia.Auth) error {
	if auth.Password != passwords.DigestOf("right") {
		return uia.Refusal("wrong")
	}
	return nil
}}

// try makes one request and gives its status, 0 for success, and the session it is
// told to go on with.
func try(t *testing.T, sessions *uia.Sessions[struct{}], operation, auth string, stages ...uia.Stage) (status int, session string) {
	t.Helper()
	var read uia.Auth
	if err := json.Unmarshal([]byte(auth), &read); err != nil {
		t.Fatal(err)
	}
	held, err := sessions.Resume(t.Context(), read, uia.Operation{Request: operation})
	if err == nil {
		defer held.End()
		err = sessions.Authenticate(t.Context(), held, read, stages...)
	}
	var refusal *httpapi.Error
	switch {
	case err == nil:
		return 0, ""
	case !errors.As(err, &refusal):
		t.Fatal(err)
	}
	var body struct{ Session string }
	text, _ := json.Marshal(refusal.Body)
	_ = json.Unmarshal(text, &body)
	return refusal.Status, body.Session
}

func TestSessionIsGoodForItsOwnOperationOnly(t *testing.T) {
	sessions := uia.NewSessions[struct{}]()
	_, session := try(t, sessions, "delete A1", `{}`, password)
	auth := `{"type":"m.login.password","password":"right","session":"` + session + `"}`
	if status, _ := try(t, sessions, "delete A2", auth, password); status != http.StatusForbidden {
		t.Errorf("another operation: got %d", status)
	}
	if status, _ := try(t, sessions, "delete A1", auth, password); status != 0 {
		t.Errorf("its own operation: got %d", status)
	}
}

func TestStagePassedOnceHoldsForTheSessionAlone(t *testing.T) {
	sessions := uia.NewSessions[struct{}]()
	_, session := try(t, sessions, "delete A1", `{}`, password)
	in := func(rest string) string { return `{"session":"` + session + `"` + rest + `}` }
	for _, step := range []struct {
		auth string
		want int
	}{
		{in(``), http.StatusUnauthorized},
		{in(`,"type":"m.login.password","password":"wrong"`), http.StatusUnauthorized},
		{in(`,"type":"m.login.dummy"`), http.StatusUnauthorized},
		{in(`,"type":"m.login.password","password":"right"`), 0},
		{in(``), 0},
		{in(`,"type":"m.login.password","password":"right"`), 0},
		{`{}`, http.StatusUnauthorized},
		{`{"type":"m.login.password","password":"right","session":"never given out"}`, http.StatusUnauthorized},
	} {
		if got, _ := try(t, sessions, "delete A1", step.auth, password); got != step.want {
			t.Errorf("%s: got %d, want %d", step.auth, got, step.want)
		}
	}
}

func TestBothFormsOfTheUserAreRead(t *testing.T) {
	for _, text := range []string{
		`{"user":"alice"}`, `{"identifier":{"type":"m.id.user","user":"alice"},"user":"bob"}`,
		`{"identifier":{"type":"m.id.phone","user":"bob"},"user":"alice"}`,
	} {
		var auth uia.Auth
		if err := json.Unmarshal([]byte(text), &auth); err != nil || auth.User != "alice" {
			t.Errorf("%s: got %q, %v", text, auth.User, err)
		}
	}
}

func TestOperationIsTheWholeBodyButAuth(t *testing.T) {
	split := func(text string) [32]byte {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(err)
		}
		_, body, err := uia.Split(members)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	same := split(`{"devices":["A"],"x":1}`)
	if split(`{ "x": 1, "auth":{"type":"m.login.dummy"}, "devices":[ "A" ] }`) != same {
		t.Error("auth, order or white space made another operation")
	}
	if split(`{"devices":["B"],"x":1}`) == same {
		t.Error("another device is the same operation")
	}
}

func TestSessionInWorkIsWaitedForAsLongAsTheContextLives(t *testing.T) {
	sessions := uia.NewSessions[struct{}]()
	_, id := try(t, sessions, "delete A1", `{}`, password)
	auth, operation := uia.Auth{Session: id}, uia.Operation{Request: "delete A1"}
	held, err := sessions.Resume(t.Context(), auth, operation)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sessions.Resume(ctx, auth, operation); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	held.End()
	if _, err := sessions.Resume(t.Context(), auth, operation); err != nil {
		t.Error(err)
	}
}
