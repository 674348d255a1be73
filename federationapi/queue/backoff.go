package queue

import (
	"errors"
	"time"

	"github.com/chappe-im/chappe/federationapi/remote"
)

const (
	// firstRetry is the longest time from a first failure to the next attempt.
	firstRetry = time.Second
	// defaultMaxBackoff is the longest time between attempts.
	defaultMaxBackoff = time.Hour
	maxReason         = 200 // bytes
)

// backoff gives the time to leave a server alone after so many failures, 1 at
// least. It doubles with each, and half of it is left to chance, a number from 0 to
// 1, so that servers that were cut off together do not come back together. A server's own wish counts
// where it is longer. Nothing is longer than the limit.
func backoff(failures int, wish, limit time.Duration, chance float64) time.Duration {
	wait := firstRetry << min(failures-1, 30)
	wait = min(wait, limit)
	wait -= time.Duration(chance * float64(wait/2))
	return max(wait, min(wish, limit))
}

// wish gives how long the server itself asked to be left alone.
func wish(err error) time.Duration {
	var refused *remote.Refusal
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	return 0
}

// reasonFor says in words why an attempt failed.
func reasonFor(err error) string {
	words := err.Error()
	return words[:min(len(words), maxReason)]
}
