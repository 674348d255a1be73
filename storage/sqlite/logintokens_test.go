package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestLoginTokenLogsInOnceAndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStore(t)
		b := register(t, s, "bob", "B")
		for _, token := range []string{"first", "second", "third"} {
			if err := s.MakeLoginToken(ctx, "bob", token, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.MakeLoginToken(ctx, "nobody", "x", time.Minute); !errors.Is(err, todevice.ErrUnknownUser) {
			t.Errorf("of nobody: %v", err)
		}
		if found, err := collectStrings(s, `SELECT hash FROM login_tokens WHERE instr(hash, 'first')`); err != nil || len(found) > 0 {
			t.Errorf("the token stands in the file (%v)", err)
		}
		login := todevice.Login{DeviceID: "B", Token: "new"}
		if d, err := s.LoginByToken(ctx, "first", login); err != nil || d != b {
			t.Errorf("got %v, %v, want %v", d, err, b)
		}
		// A login that is refused does not use the token up.
		set(t, s, b.User, crossSigning("M", "S", "U"))
		if _, err := s.LoginByToken(ctx, "second", todevice.Login{DeviceID: "S", Token: "t"}); !errors.Is(err, todevice.ErrNameInUse) {
			t.Errorf("a device called as a key: %v", err)
		}
		if _, err := s.LoginByToken(ctx, "second", todevice.Login{DeviceID: "C", Token: "other"}); err != nil {
			t.Error(err)
		}
		for i, token := range []string{"first", "second", "never made", "third"} {
			if i == 3 {
				time.Sleep(time.Minute)
			}
			if _, err := s.LoginByToken(ctx, token, login); !errors.Is(err, todevice.ErrUnknownToken) {
				t.Errorf("%s: %v", token, err)
			}
		}
		if _, err := s.Session(ctx, "new"); err != nil {
			t.Errorf("a failed login ended a token: %v", err)
		}
		if _, err := s.Sweep(ctx, time.Now().Add(time.Second)); err != nil || rows(t, s, "login_tokens") != 0 {
			t.Errorf("an expired token is kept (%v)", err)
		}
		_ = s.Close()
	})
}

func TestDeviceIsNotNamedAsAKeyOfItsUser(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	b := register(t, s, "bob", "B")
	set(t, s, b.User, crossSigning("M", "S", "U"))
	for id, want := range map[string]error{"S": todevice.ErrNameInUse, "U": todevice.ErrNameInUse, "X": nil, "M": todevice.ErrNameInUse} {
		if _, err := s.Login(ctx, "bob", todevice.Login{DeviceID: id, Token: id}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", id, err, want)
		}
	}
	register(t, s, "alice", "S") // somebody else's key does not matter
}

func TestLastUseOfARegistrationTokenMakesOneAccount(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	if err := s.AddRegistrationToken(ctx, todevice.RegistrationToken{Token: "one", Uses: 1}); err != nil {
		t.Fatal(err)
	}
	var made, refused atomic.Int32
	var group sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		group.Go(func() {
			account := todevice.Account{Localpart: name, RegistrationToken: "one"}
			switch _, err := s.Register(ctx, account, todevice.Login{DeviceID: "D", Token: name}); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, todevice.ErrRegistrationToken):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := s.RegistrationTokens(ctx)
	if err != nil || made.Load() != 1 || refused.Load() != 5 || rows(t, s, "users") != 1 || list[0].Used != 1 {
		t.Errorf("%d made, %d refused, %d users, %v, %v", made.Load(), refused.Load(), rows(t, s, "users"), list, err)
	}
}

func TestRegistrationTokenIsValidUntilItIsUsedUpOrExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStore(t)
		any := func(want bool) {
			t.Helper()
			if got, err := s.AnyRegistrationTokenValid(ctx); err != nil || got != want {
				t.Errorf("any: got %v, %v", got, err)
			}
		}
		valid := func(want bool, tokens ...string) {
			t.Helper()
			for _, token := range tokens {
				if got, err := s.RegistrationTokenValid(ctx, token); err != nil || got != want {
					t.Errorf("%s: got %v, %v", token, got, err)
				}
			}
		}
		any(false)
		for _, r := range []todevice.RegistrationToken{
			{Token: "twice", Uses: 2}, {Token: "an hour", Expires: time.Now().Add(time.Hour)}, {Token: "Case", Uses: 1, Expires: time.Now().Add(time.Minute)},
		} {
			if err := s.AddRegistrationToken(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddRegistrationToken(ctx, todevice.RegistrationToken{Token: "twice"}); !errors.Is(err, todevice.ErrTokenExists) {
			t.Errorf("a second of the name: %v", err)
		}
		valid(true, "twice", "an hour", "Case")
		valid(false, "case", "", "unknown")
		for _, name := range []string{"a", "b", "b"} { // the last is taken, and counts not
			_ = s.CreateUser(ctx, todevice.Account{Localpart: name, RegistrationToken: "twice"})
		}
		valid(false, "twice")
		time.Sleep(time.Minute)
		valid(false, "Case")
		valid(true, "an hour")
		if err := s.CreateUser(ctx, todevice.Account{Localpart: "c", RegistrationToken: "Case"}); !errors.Is(err, todevice.ErrRegistrationToken) {
			t.Errorf("by an expired one: %v", err)
		}
		any(true)
		for _, want := range []error{nil, todevice.ErrRegistrationToken} {
			if err := s.RemoveRegistrationToken(ctx, "Case"); !errors.Is(err, want) {
				t.Errorf("removed: got %v, want %v", err, want)
			}
		}
		time.Sleep(time.Hour)
		any(false)
		list, err := s.RegistrationTokens(ctx)
		if err != nil || len(list) != 2 || rows(t, s, "users") != 2 {
			t.Errorf("got %v, %v", list, err)
		}
		_ = s.Close()
	})
}
