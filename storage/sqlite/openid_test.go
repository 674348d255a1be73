package sqlite

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

func TestOpenIDTokenTellsItsUserUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStore(t)
		alice := register(t, s, "alice", "A").User
		if err := s.MakeOpenIDToken(ctx, "alice", "token", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := s.MakeOpenIDToken(ctx, "nobody", "other", time.Now().Add(time.Hour)); !errors.Is(err, todevice.ErrUnknownUser) {
			t.Errorf("a token of nobody: %v", err)
		}
		if user, err := s.OpenIDUser(ctx, "token"); err != nil || user != alice {
			t.Errorf("got %v %v", user, err)
		}
		if _, err := s.OpenIDUser(ctx, "another"); !errors.Is(err, todevice.ErrUnknownToken) {
			t.Errorf("another token: %v", err)
		}
		if hashes, err := collectStrings(s, `SELECT hash FROM openid_tokens WHERE instr(hash, 'token')`); err != nil || len(hashes) > 0 {
			t.Errorf("the token stands in the file (%v)", err)
		}
		time.Sleep(time.Hour)
		if _, err := s.OpenIDUser(ctx, "token"); !errors.Is(err, todevice.ErrUnknownToken) {
			t.Errorf("after an hour: %v", err)
		}
		if _, err := s.Sweep(ctx, time.Now().Add(time.Second)); err != nil || rows(t, s, "openid_tokens") != 0 {
			t.Errorf("an expired token is kept (%v)", err)
		}
	})
}
