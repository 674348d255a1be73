package testserver

import "context"

// AwaitAccepted returns once so many messages were accepted in all, or with the
// error of ctx.
func (l *Ledger) AwaitAccepted(ctx context.Context, messages int) error {
	return l.await(ctx, func() bool { return l.accepts >= messages })
}

// AwaitUsed returns once so many events were used in all, or with the error of ctx.
func (l *Ledger) AwaitUsed(ctx context.Context, events int) error {
	return l.await(ctx, func() bool { return l.uses >= events })
}

// AwaitNothingMissing returns once everything accepted so far was used, or with
// the error of ctx.
func (l *Ledger) AwaitNothingMissing(ctx context.Context) error {
	return l.await(ctx, func() bool {
		for _, messages := range l.missing {
			if len(messages) > 0 {
				return false
			}
		}
		return true
	})
}

// await returns once the condition, which is asked under the lock, is true.
func (l *Ledger) await(ctx context.Context, condition func() bool) error {
	for {
		l.mu.Lock()
		met, changed := condition(), l.changed
		l.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
