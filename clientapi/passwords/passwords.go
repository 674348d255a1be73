// Package passwords hashes passwords and compares them with hashes.
package passwords

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/bcrypt"
)

// A Digest stands for a password from the moment it is read. bcrypt takes only
// 72 bytes and passwords may be longer, so it is given this, which has 64. It is
// as secret as the password.
type Digest string

// DigestOf gives the digest of a password, "" of the empty one, which no account
// can have.
func DigestOf(password string) Digest {
	if password == "" {
		return ""
	}
	sum := sha512.Sum384([]byte(password))
	return Digest(base64.StdEncoding.EncodeToString(sum[:]))
}

// A Hasher hashes passwords. That is slow on purpose, so no more than one for
// each processor is in work, and the others wait.
type Hasher struct {
	cost  int
	turns chan struct{}
}

// New makes a hasher of bcrypt's cost, 0 for bcrypt's own default.
func New(cost int) Hasher {
	if cost == 0 {
		cost = bcrypt.DefaultCost
	}
	return Hasher{cost: cost, turns: make(chan struct{}, runtime.NumCPU())}
}

// Hash makes of a password what may be stored.
func (p Hasher) Hash(ctx context.Context, d Digest) (string, error) {
	if err := p.begin(ctx); err != nil {
		return "", err
	}
	defer p.end()
	hashed, err := bcrypt.GenerateFromPassword([]byte(d), p.cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(hashed), nil
}

// Matches tells whether a password is that of a stored hash. Nothing matches the
// hash "", but finding that out takes as long, so that time does not tell who
// has an account.
func (p Hasher) Matches(ctx context.Context, hashed string, d Digest) (bool, error) {
	if hashed == "" {
		_, err := p.Hash(ctx, d)
		return false, err
	}
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	defer p.end()
	err := bcrypt.CompareHashAndPassword([]byte(hashed), []byte(d))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return true, nil
}

func (p Hasher) begin(ctx context.Context) error {
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (p Hasher) end() { <-p.turns }
