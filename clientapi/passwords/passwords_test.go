package passwords

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestPasswordMatchesItsOwnHashOnly(t *testing.T) {
	p := New(bcrypt.MinCost)
	long := strings.Repeat("ä", 100)
	hashed, err := p.Hash(t.Context(), DigestOf(long))
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{long: true, long + "x": false, long[:72]: false, "": false} {
		if got, err := p.Matches(t.Context(), hashed, DigestOf(password)); err != nil || got != want {
			t.Errorf("%d bytes: got %v, %v", len(password), got, err)
		}
	}
	for _, password := range []string{"", "x"} {
		if got, err := p.Matches(t.Context(), "", DigestOf(password)); err != nil || got {
			t.Errorf("no hash: got %v, %v", got, err)
		}
	}
	if _, err := p.Matches(t.Context(), "no bcrypt", DigestOf("x")); err == nil {
		t.Error("a broken hash is no error")
	}
}

func TestPasswordHashesHaveTheConfiguredCost(t *testing.T) {
	for given, want := range map[int]int{0: bcrypt.DefaultCost, bcrypt.MinCost: bcrypt.MinCost} {
		hashed, err := New(given).Hash(t.Context(), DigestOf("x"))
		if err != nil {
			t.Fatal(err)
		}
		if cost, err := bcrypt.Cost([]byte(hashed)); err != nil || cost != want {
			t.Errorf("%d became %d, %v", given, cost, err)
		}
	}
}

// An unknown user's password goes the same way: it waits for its turn, too.
func TestPasswordWaitsForItsTurnAsLongAsItsContextLives(t *testing.T) {
	p := New(bcrypt.MinCost)
	hashed, err := p.Hash(t.Context(), DigestOf("x"))
	if err != nil {
		t.Fatal(err)
	}
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, known := range []string{hashed, ""} {
		if _, err := p.Matches(ctx, known, DigestOf("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	<-p.turns
	if ok, err := p.Matches(t.Context(), hashed, DigestOf("x")); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
	if len(p.turns) != cap(p.turns)-1 {
		t.Errorf("%d of %d turns are taken", len(p.turns), cap(p.turns))
	}
}
