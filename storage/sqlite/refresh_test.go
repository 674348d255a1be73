package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/todevice"
)

// loginFor logs bob in with tokens a1 and r1 for an hour.
func loginFor(t testing.TB, s *Store) todevice.Device {
	t.Helper()
	d := register(t, s, "bob", "B")
	_, err := s.Login(context.Background(), "bob", todevice.Login{DeviceID: "B", Token: "a1", RefreshToken: "r1", Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *Store) refreshTo(old string, n int) error {
	_, err := s.Refresh(context.Background(), old, todevice.Tokens{
		Access: fmt.Sprint("a", n), Refresh: fmt.Sprint("r", n), Lifetime: time.Hour})
	return err
}

// works checks which access tokens work, without the effect of a use.
func works(t *testing.T, s *Store, want ...string) {
	t.Helper()
	hashes := map[string]bool{}
	for n := range 20 {
		key := tokenHash(fmt.Sprint("a", n))
		if rows(t, s, fmt.Sprintf("access_tokens WHERE hash = x'%x'", key[:])) > 0 {
			hashes[fmt.Sprint("a", n)] = true
		}
	}
	if len(hashes) != len(want) {
		t.Errorf("there are %v, want %v", hashes, want)
	}
	for _, token := range want {
		if !hashes[token] {
			t.Errorf("%s is not among %v", token, hashes)
		}
	}
}

func use(t *testing.T, s *Store, token string, want error) {
	t.Helper()
	if _, err := s.Session(context.Background(), token); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", token, err, want)
	}
}

func TestOldTokensWorkUntilANewOneIsUsed(t *testing.T) {
	for name, useNew := range map[string]func(*testing.T, *Store){
		"access": func(t *testing.T, s *Store) { use(t, s, "a3", nil) },
		"refresh": func(t *testing.T, s *Store) {
			if err := s.refreshTo("r3", 4); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "chappe.db")
			s := open(t, path, Options{})
			d := loginFor(t, s)
			for n := 2; n <= 3; n++ { // the first answer was lost
				use(t, s, "a1", nil)
				if err := s.refreshTo("r1", n); err != nil {
					t.Fatal(err)
				}
			}
			use(t, s, "a1", nil)
			_ = s.Close()
			s = open(t, path, Options{})
			use(t, s, "a1", nil)
			useNew(t, s)
			use(t, s, "a1", todevice.ErrUnknownToken)
			if err := s.refreshTo("r1", 9); !errors.Is(err, todevice.ErrUnknownToken) {
				t.Errorf("the old refresh token: %v", err)
			}
			if again := register(t, s, "bob", "B"); again.Inbox != d.Inbox {
				t.Error("the device is another")
			}
			for _, token := range []string{"a2", "a3", "a4"} {
				use(t, s, token, todevice.ErrUnknownToken)
			}
			if n := rows(t, s, "refresh_tokens"); n != 0 {
				t.Errorf("%d refresh tokens outlive a login", n)
			}
		})
	}
}

func TestTokensThatWereGivenOutTogetherEndTogether(t *testing.T) {
	s := newStore(t)
	d := loginFor(t, s)
	for n := 2; n <= 3; n++ {
		if err := s.refreshTo("r1", n); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // both are remembered
		use(t, s, "a2", nil)
		use(t, s, "a3", nil)
	}
	if err := s.DeleteDevice(context.Background(), d.Inbox); err != nil {
		t.Fatal(err)
	}
	use(t, s, "a2", todevice.ErrUnknownToken)
	use(t, s, "a3", todevice.ErrUnknownToken)
}

func TestTokensThatAreNeverUsedAreFew(t *testing.T) {
	s := newStore(t)
	loginFor(t, s)
	for n := 2; n < 2+3*maxUnused; n++ {
		if err := s.refreshTo("r1", n); err != nil {
			t.Fatal(err)
		}
		if a, r := rows(t, s, "access_tokens"), rows(t, s, "refresh_tokens"); a > maxUnused+1 || a != r {
			t.Fatalf("%d access tokens, %d refresh tokens", a, r)
		}
	}
	use(t, s, fmt.Sprint("a", 1+3*maxUnused), nil) // the last one given out
	use(t, s, "a1", todevice.ErrUnknownToken)
}

func TestAccessTokenExpiresAlsoWhileItIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		loginFor(t, s)
		register(t, s, "alice", "A")
		for _, pause := range []time.Duration{0, time.Hour - time.Millisecond} {
			time.Sleep(pause)
			use(t, s, "a1", nil)
		}
		time.Sleep(time.Millisecond)
		use(t, s, "a1", todevice.ErrExpiredToken)
		time.Sleep(1000 * time.Hour)
		use(t, s, "a1", todevice.ErrExpiredToken)
		use(t, s, "alice/A", nil)
		if err := s.refreshTo("r1", 2); err != nil {
			t.Fatal(err)
		}
		use(t, s, "a1", todevice.ErrExpiredToken)
		use(t, s, "a2", nil)
		use(t, s, "a1", todevice.ErrUnknownToken)
		works(t, s, "a2")
		_ = s.Close()
	})
}

func TestTokenThatIsRememberedCostsNoWriteAndNoRead(t *testing.T) {
	driver := faultdb.Register()
	s := open(t, filepath.Join(t.TempDir(), "chappe.db"), Options{Driver: driver.Name})
	loginFor(t, s)
	register(t, s, "alice", "A")
	if err := s.refreshTo("r1", 2); err != nil {
		t.Fatal(err)
	}
	// The first use is written down; after it the token is read once more and
	// remembered.
	before := driver.Commits()
	for range 3 {
		use(t, s, "a2", nil)
		use(t, s, "alice/A", nil)
	}
	if commits := driver.Commits() - before; commits != 1 {
		t.Errorf("%d commits, want 1", commits)
	}
	if err := s.readers.Close(); err != nil {
		t.Fatal(err)
	}
	use(t, s, "a2", nil)
	use(t, s, "alice/A", nil)
}

func TestLoginWithoutARefreshTokenEndsRefreshing(t *testing.T) {
	s := newStore(t)
	loginFor(t, s)
	if _, err := s.Login(context.Background(), "bob", todevice.Login{DeviceID: "B", Token: "a7"}); err != nil {
		t.Fatal(err)
	}
	if err := s.refreshTo("r1", 2); !errors.Is(err, todevice.ErrUnknownToken) {
		t.Errorf("got %v", err)
	}
	works(t, s, "a7")
}
