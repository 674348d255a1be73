package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEachStageOfARegistrationIsAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		stages   []string
		token    string
		fails    string
		requests int // for two accounts
	}{
		"one":                    {[]string{"m.login.dummy"}, "", "", 4},
		"two":                    {[]string{"m.login.registration_token", "m.login.dummy"}, "let me in", "", 6},
		"a token that is wrong":  {[]string{"m.login.registration_token"}, "please", "does not take the answer", 2},
		"none that is possible":  {[]string{"m.login.terms"}, "", "m.login.recaptcha, or m.login.terms", 1},
		"a token that is needed": {[]string{"m.login.registration_token"}, "", "m.login.registration_token", 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOtherServer()
			o.stages = test.stages
			made, err := at(t, o).register(t.Context(), []string{"a", "b"}, test.token)
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("it ends with %v, want %q", err, test.fails)
			}
			if err == nil && (len(made) != 2 || made[1].userID != "@b:other.test" || made[1].device != "ONE") {
				t.Errorf("made %+v", made)
			}
			if err != nil && len(made) > 0 {
				t.Errorf("%d accounts count as made", len(made))
			}
			if o.requests != test.requests {
				t.Errorf("it took %d requests, want %d", o.requests, test.requests)
			}
		})
	}
}

// The answer to a registration may be lost, and the account there all the same.
func TestAnAccountWhoseRegistrationHadNoAnswerIsRemoved(t *testing.T) {
	o := newOtherServer()
	h := at(t, o)
	o.broken = func(r *http.Request) error {
		if r.URL.Path == registerPath && len(o.users) == 2 {
			return errors.New("connection reset")
		}
		return nil
	}
	made, err := h.register(t.Context(), []string{"a", "b", "c"}, "")
	if err == nil || len(made) != 2 {
		t.Errorf("%d accounts were perhaps made (%v), want 2 and an error", len(made), err)
	}
	o.broken = nil
	made = append(made, &hsAccount{localpart: "nobody", password: "secret"}) // and one that is not there
	if err := h.remove(t.Context(), made); err != nil || len(o.users) > 0 || len(o.removed) != 2 {
		t.Errorf("%v were removed, %d are there still (%v)", o.removed, len(o.users), err)
	}
}

func TestWhatCannotBeRemovedIsNamedAndLoggedOut(t *testing.T) {
	o := newOtherServer()
	h := at(t, o)
	made, err := h.register(t.Context(), []string{"a", "b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	o.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != deactivatePath || !strings.Contains(r.Header.Get("Authorization"), "@a:") {
			return false
		}
		refuse(w, http.StatusForbidden, "M_FORBIDDEN")
		return true
	}
	err = h.remove(t.Context(), made)
	if err == nil || !strings.Contains(err.Error(), "@a:other.test could not be removed, but logged out") || strings.Contains(err.Error(), "@b:") {
		t.Errorf("it ends with %v", err)
	}
	if err != nil && (strings.Contains(err.Error(), "token of") || strings.Contains(err.Error(), made[0].password)) {
		t.Errorf("%v has a secret in it", err)
	}
	if len(o.users) != 1 || o.users["@a:other.test"].loggedIn {
		t.Errorf("%d accounts are there, or one is logged in", len(o.users))
	}
}

func TestAnInterruptedRunNamesWhatItCouldNotRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOtherServer()
		o.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != deactivatePath {
				return false
			}
			refuse(w, http.StatusForbidden, "M_FORBIDDEN")
			return true
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		err := at(t, o).bench(ctx, paced(t), new(strings.Builder))
		if err == nil || strings.Count(err.Error(), "could not be removed, but logged out") != 7 || !strings.HasPrefix(err.Error(), "interrupted\n") {
			t.Errorf("it ends with %v", err)
		}
	})
}

func TestTheRemovalEndsAlsoWhereTheServerDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOtherServer()
		h := at(t, o)
		made, err := h.register(t.Context(), []string{"a", "b"}, "")
		if err != nil {
			t.Fatal(err)
		}
		o.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "100")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		begin := time.Now()
		err = h.remove(t.Context(), made)
		if err == nil || !strings.Contains(err.Error(), "@b:other.test could not be removed, nor logged out") {
			t.Errorf("it ends with %v", err)
		}
		if time.Since(begin) > 5*time.Minute {
			t.Errorf("it ends after %v", time.Since(begin))
		}
	})
}

func TestMistakesInAFileOfAccountsAreRefused(t *testing.T) {
	accounts, err := readAccounts(strings.NewReader("# some\n\n@a:b.c  secret\tONE\n@a:b.c other TWO\n"))
	if err != nil || len(accounts) != 2 || *accounts[0] != (hsAccount{userID: "@a:b.c", token: "secret", device: "ONE"}) {
		t.Errorf("read as %v (%v)", accounts, err)
	}
	for bad, want := range map[string]string{
		"@a:b.c secret":                         "line 1",
		"#\na secret ONE":                       "line 2",
		"@a:b.c secret ONE more":                "line 1",
		"@a:b.c secret ONE\n@a:b.c other ONE\n": "line 2: the device is there twice",
	} {
		_, err := readAccounts(strings.NewReader(bad))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", bad, err, want)
		}
	}
}
