package limits

import (
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/internal/ratelimit"
)

// A wrong password is worth as much as wrongWorth right ones. An account that was left
// alone takes ten wrong ones at once, and then one in ten seconds.
const (
	guessRate  = 0.5
	guessBurst = 50
	wrongWorth = 5
)

// A Guess is an attempt at the password of an account by one side. Each side has its
// own tries, so that none can lock the others out.
type Guess struct {
	Localpart string
	// From is the address the attempt comes from, if the account has a device that
	// logged in there. All other addresses are one side: nobody gets more tries by
	// having more addresses.
	From httpapi.Subscriber
	// Device is the device that attempts it, where one does.
	Device string
}

func newGuesses() *ratelimit.Limiter[Guess] {
	return ratelimit.New[Guess](ratelimit.Limit{PerSecond: guessRate, Burst: guessBurst}, maxKeys)
}

// Guess is nil if a password may be tried. It is taken for wrong, so that many at once
// are not let through; right is to be called if it was right.
func (l *Limits) Guess(e Endpoint, g Guess) (right func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	if err := l.check(l.passwords.Take(g, wrongWorth, time.Now()), e, "account"); err != nil {
		return nil, err
	}
	return func() { l.passwords.Return(g, wrongWorth-1) }, nil
}
