package webhooks

import (
	"errors"
	"time"
)

const (
	// firstRetry is the longest time from a first failure to the next attempt.
	firstRetry = time.Second
	maxBackoff = 10 * time.Minute
)

// backoff gives the time to leave a webhook alone after so many failures, 1 at least, the
// last of them why. It doubles with each, and half of it is left to chance, a number from 0
// to 1. The webhook's own wish counts where it is longer.
func backoff(failures int, why error, chance float64) time.Duration {
	wait := min(firstRetry<<min(failures-1, 30), maxBackoff)
	wait -= time.Duration(chance * float64(wait/2))
	var refused *refusal
	if errors.As(why, &refused) {
		wait = max(wait, min(refused.retryAfter, maxBackoff))
	}
	return wait
}
