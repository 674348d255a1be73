package remote

import (
	"errors"
	"time"
)

// FirstRetry is the longest time from a first failure to the next attempt.
const FirstRetry = time.Second

// Backoff gives the time to leave a server alone after so many failures, 1 at least,
// the last of them why. It doubles with each, and half of it is left to chance, a
// number from 0 to 1, so that servers that were cut off together do not come back
// together. A server's own wish counts where it is longer. Nothing is longer than the
// limit.
func Backoff(failures int, why error, limit time.Duration, chance float64) time.Duration {
	wait := min(FirstRetry<<min(failures-1, 30), limit)
	wait -= time.Duration(chance * float64(wait/2))
	var refused *Refusal
	if errors.As(why, &refused) {
		wait = max(wait, min(refused.RetryAfter, limit))
	}
	return wait
}
