package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// A doorkeeper logs everybody in, one user only, with tokens it makes of a number.
type doorkeeper struct {
	user  person
	token func(number int64) string
	given atomic.Int64
	good  string // the one token that it takes
}

func (d *doorkeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case r.URL.Path == loginPath:
		fmt.Fprintf(w, `{"user_id":%q,"device_id":%q,"access_token":%q}`, d.user.id(), d.user.device, d.token(d.given.Add(1)))
	case r.URL.Path == whoamiPath && token == d.good:
		fmt.Fprintf(w, `{"user_id":%q,"device_id":%q}`, d.user.id(), d.user.device)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func TestALoginIsForWhomItWasAskedAndItsTokenIsGood(t *testing.T) {
	all := people("u", 2, aloneServer)
	keeper := &doorkeeper{user: all[0], good: "secret", token: func(int64) string { return "secret" }}
	p := served(t, keeper)
	transport := newTransport()
	t.Cleanup(transport.CloseIdleConnections)
	s := newSession(transport, p.address, all[0])
	if token, err := s.logIn(t.Context(), all[0]); err != nil || token != "secret" {
		t.Errorf("the token is %q (%v)", token, err)
	}
	if _, err := s.logIn(t.Context(), all[1]); err == nil {
		t.Error("a login as somebody else is taken for one")
	}
	for _, test := range []struct {
		token string
		user  person
		good  bool
	}{{"secret", all[0], true}, {"secret", all[1], false}, {"old", all[0], false}} {
		if good, err := s.isFor(t.Context(), test.token, test.user); good != test.good || err != nil && test.token == "secret" {
			t.Errorf("token %q of %s: %t (%v), want %t", test.token, test.user.id(), good, err, test.good)
		}
	}
}

func TestATokenThatIsGivenTwiceIsNoticed(t *testing.T) {
	for want, tokens := range map[int64][][]string{
		0: {{"a", "b"}, {"c"}, nil},
		1: {{"a", "b"}, {"b"}},
		2: {{"a", "a", "a"}},
	} {
		if got := repeated(tokens); got != want {
			t.Errorf("%v: %d are repeated, want %d", tokens, got, want)
		}
	}
}
