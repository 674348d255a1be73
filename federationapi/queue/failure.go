package queue

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// failed puts a peer to sleep after a failed attempt, and remembers it beyond a
// restart. That comes before the sleep, so that it cannot overtake what the next
// attempt remembers.
func (q *Queue) failed(ctx context.Context, p *peer, err error) {
	q.mu.Lock()
	p.failures++
	failures := p.failures
	q.mu.Unlock()

	now := time.Now()
	wait := backoff(failures, wish(err), q.cfg.MaxBackoff, q.cfg.Chance())
	q.log.WithFields(logrus.Fields{
		"server": string(p.server), "reason": reasonFor(err), "failures": failures, "retry_in": wait.Round(time.Millisecond).String(),
	}).Info("transaction not delivered")
	q.remember(ctx, todevice.Destination{Server: p.server, Failures: failures, RetryAt: now.Add(wait)}, err)

	q.mu.Lock()
	defer q.mu.Unlock()
	p.failedAt = now
	p.again = false // the next attempt looks for all that waits
	if p.failures == 0 {
		wait = min(wait, firstRetry) // heard of since the attempt began
	}
	q.sleep(p, wait)
}

func (q *Queue) remember(ctx context.Context, d todevice.Destination, why error) {
	if errors.As(why, new(storageError)) {
		return // the server did nothing, and storage would not take it
	}
	ctx, cancel := recording(ctx)
	defer cancel()
	if err := q.store.TransactionFailed(ctx, d, reasonFor(why)); err != nil {
		q.log.WithError(err).WithField("server", string(d.Server)).Error("back-off not remembered")
	}
}
