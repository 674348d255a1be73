package queue

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

// failed puts a peer to sleep after a failed attempt, and remembers it beyond a
// restart. That comes before the sleep, so that it cannot overtake what the next
// attempt remembers.
func (q *Queue) failed(ctx context.Context, p *peer, err error) {
	own := errors.As(err, new(storageError)) // the server did nothing
	q.mu.Lock()
	if !own {
		p.failures++
	}
	failures := p.failures
	q.mu.Unlock()

	now := time.Now()
	wait := ownRetry
	if !own {
		wait = remote.Backoff(failures, err, q.cfg.MaxBackoff, q.cfg.Chance())
	}
	q.log.WithFields(logrus.Fields{
		"server": string(p.server), "reason": reasonFor(err), "failures": failures, "retry_in": wait.Round(time.Millisecond).String(),
	}).Info("transaction not delivered")
	q.remember(ctx, todevice.Destination{Server: p.server, Failures: failures, RetryAt: q.cfg.Now().Add(wait)}, err)

	q.mu.Lock()
	defer q.mu.Unlock()
	p.failedAt, p.notBefore = now, now.Add(min(limitOf(err), q.cfg.MaxBackoff))
	p.relieve()     // nobody waits for a server that is not reached
	p.again = false // the next attempt looks for all that waits
	if p.failures == 0 && !own {
		// Heard of since the attempt began.
		wait = max(min(wait, remote.FirstRetry), p.notBefore.Sub(now))
		q.forgetStored(p.server)
	}
	q.sleep(p, wait)
}

// ownRetry is how long a server is left alone because of a fault of our storage.
const ownRetry = 5 * time.Second

// limitOf is for how long a server has said that it is sent too much, 0 if it has not.
func limitOf(err error) time.Duration {
	var refused *remote.Refusal
	if errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests {
		return refused.RetryAfter
	}
	return 0
}

func (q *Queue) remember(ctx context.Context, d todevice.Destination, why error) {
	if errors.As(why, new(storageError)) {
		return // storage would not take it
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	if err := q.store.TransactionFailed(ctx, d, reasonFor(why)); err != nil {
		q.log.WithError(err).WithField("server", string(d.Server)).Error("back-off not remembered")
	}
}

// forgetFailures ends what is remembered of a peer's failures, if there are any.
// The caller holds mu.
func (q *Queue) forgetFailures(p *peer) {
	if p.failures > 0 {
		p.failures = 0
		q.forgetStored(p.server)
	}
}

// forgetStored has storage forget a server's failures, in a while: no request of
// that server is to wait for it. The caller holds mu.
func (q *Queue) forgetStored(server spec.ServerName) {
	if q.running == nil {
		return
	}
	ctx := q.running
	q.workers.Go(func() {
		ctx, cancel := recording(ctx)
		defer cancel()
		if err := q.store.ForgetFailures(ctx, server); err != nil {
			q.log.WithError(err).WithField("server", string(server)).Error("end of the back-off not remembered")
		}
	})
}

// maxReason is how much of an error is remembered, in bytes.
const maxReason = 200

// reasonFor says in words why an attempt failed.
func reasonFor(err error) string {
	words := err.Error()
	return words[:min(len(words), maxReason)]
}
